// The clients that these tests call with: baresip, linphonec and sipp as Debian ships them, told only by their own
// configuration files and arguments what to do. Nothing here speaks for them.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

export interface CallOptions {
  /** A folder of this call's own. */
  readonly folder: string;
  /** Where the client listens; the port is its own, so that clients do not meet. */
  readonly address: string;
  readonly server: { readonly address: string; readonly port: number };
  /** Whom it calls: the echo unless told. */
  readonly user?: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly hasIce: boolean;
  /** Offers keys for SRTP: beside plain RTP (baresip alone), or nothing but SRTP. */
  readonly srtp?: 'optional' | 'mandatory';
  /** Offers rtcp-mux. */
  readonly hasMux?: boolean;
  readonly durationS: number;
  /** Puts the call on hold, so long after its start, and for how long. */
  readonly hold?: { readonly afterS: number; readonly forS: number };
  /** The digit that baresip presses after two seconds. */
  readonly digit?: string;
  /** The certificate to trust, PEM. */
  readonly certificate?: string;
  /** Of the user alice, for a server that asks. */
  readonly password?: string;
}

/** The addresses of the namespace that `npm run test:lab` makes: phones do not use loopback's as long as there are others. */
export const OWN_ADDRESS = '203.0.113.1';
export const OWN_ADDRESS_6 = '2001:db8::1';

/** Why these programs cannot be run; undefined where they can. */
export function whyNoClient(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((one) => spawnSync('sh', ['-c', `command -v ${one}`]).status !== 0);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** Why this is not that namespace; undefined where it is. */
export function whyNoNetwork(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return [OWN_ADDRESS, OWN_ADDRESS_6].every((one) => addresses.some(({ address }) => address === one))
    ? undefined
    : 'needs npm run test:lab, as root';
}

/** Skips the test, and says why; in CI there is no such reason, and it is an error. */
export function skipBecause(context: Mocha.Context, reason: string | undefined): void {
  if (reason === undefined) return;
  assert.notEqual(process.env.CI, 'true', reason);
  context.currentTest!.title += ` (skipped: ${reason})`;
  context.skip();
}

/** A client that runs; `said` is all that it has printed so far. */
export class RunningClient {
  readonly #child: ChildProcess;
  readonly #end: Promise<unknown>;
  said = '';

  constructor(command: readonly string[], cwd?: string) {
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (text: Buffer) => (this.said += text.toString('latin1')));
    this.#end = once(this.#child, 'close');
  }

  async ended(): Promise<number | null> {
    await this.#end;
    return this.#child.exitCode;
  }

  /** Ends it and what it started: its own process group. */
  kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** The command of a baresip that calls, plays a tone, and hangs up. */
export function baresip(options: CallOptions): string[] {
  const { folder, address, server, user = 'echo', transport, hasIce, durationS, certificate } = options;
  const { hold, digit } = options;
  const tone = writeTone(folder, durationS);
  const names = ['g711', 'aufile', 'aubridge', 'stun', 'turn', 'ice', 'srtp'];
  const config = [
    'poll_method epoll',
    `sip_listen ${hostOf(address)}:0`,
    ...(certificate === undefined ? [] : [`sip_cafile ${certificate}`]),
    `audio_source aufile,${tone}`,
    'audio_player aubridge,nil',
    'audio_alert aubridge,nil',
    'rtp_ports 42000-42999',
    'rtp_stats yes',
    `rtcp_mux ${options.hasMux === true ? 'yes' : 'no'}`,
    'module_path /usr/lib/baresip/modules',
    ...names.map((name) => `module ${name}.so`),
    'module_app account.so',
    'module_app menu.so',
    ...(hold || digit !== undefined ? ['module stdio.so'] : []),
  ];
  const target = `${hostOf(server.address)}:${server.port};transport=${transport}`;
  writeFileSync(join(folder, 'config'), `${config.join('\n')}\n`);
  const auth = options.password === undefined ? '' : `;auth_user=alice;auth_pass=${options.password}`;
  const keys = options.srtp ? `;mediaenc=${options.srtp === 'mandatory' ? 'srtp-mandf' : 'srtp'}` : '';
  const account = `<sip:alice@${target}>;regint=0${hasIce ? ';medianat=ice' : ''}${keys}${auth}`;
  writeFileSync(join(folder, 'accounts'), `${account}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  const command = [
    'baresip',
    isIPv6(address) ? '-6' : '-4',
    '-f',
    folder,
    '-t',
    String(durationS),
    '-e',
    `d sip:${user}@${target}`,
  ];
  const pressed = hold
    ? `(sleep ${hold.afterS}; printf x; sleep ${hold.forS}; printf X; sleep 1)`
    : digit !== undefined && `(sleep 2; printf ${digit}; sleep ${durationS})`;
  if (pressed === false) return command;
  return ['sh', '-c', `${pressed} | exec "$@"`, 'sh', ...command];
}

function hostOf(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

/** The command of a linphonec that calls, plays a tone, and hangs up. */
export function linphone(options: CallOptions): string[] {
  const { server, user = 'echo', transport, durationS, hold } = options;
  const target = `sip:${user}@${server.address}:${server.port};transport=${transport}`;
  const { afterS = 0, forS = 0 } = hold ?? {};
  const pause = hold ? [`sleep ${afterS}`, 'echo pause', `sleep ${forS}`, 'echo resume'] : [];
  const end = [`sleep ${durationS - afterS - forS}`, 'echo terminate', 'sleep 0.5'];
  return linphonec(options, [], [`echo "call ${target}"`, ...pause, ...end]);
}

/**
 * The command of a linphonec that registers at `server`, answers whoever calls alice there, and plays a tone. It takes no connection by
 * TLS: calls come by the one with which it has registered.
 */
export function linphoneCallee(options: CallOptions): string[] {
  const { address, server, transport, durationS } = options;
  const account = [
    '[proxy_0]',
    `reg_proxy=<sip:${server.address}:${server.port};transport=${transport}>`,
    `reg_identity=sip:alice@${address}`,
    ...['reg_expires=600', 'reg_sendregister=1', 'publish=0'],
  ];
  return linphonec(options, account, [`sleep ${durationS}`], ['-a']);
}

function linphonec(
  options: CallOptions,
  account: readonly string[],
  does: readonly string[],
  flags: readonly string[] = [],
): string[] {
  const { folder, address, hasIce, durationS, certificate } = options;
  const tone = writeTone(folder, durationS);
  const config = [
    '[sip]',
    ...[
      'sip_port=-1',
      'sip_tcp_port=-1',
      'sip_tls_port=-1',
      'use_ipv6=0',
      'ipv6_migration_done=1',
      'guess_hostname=0',
    ],
    `contact=sip:alice@${address}`,
    ...(certificate === undefined ? [] : [`root_ca=${certificate}`]),
    ...(options.srtp ? ['media_encryption=srtp'] : []),
    ...(options.password === undefined ? [] : authInfo(options.password)),
    '[net]',
    'nat_policy_ref=np0',
    '[nat_policy_0]',
    'ref=np0',
    `protocols=${hasIce ? 'ice' : ''}`,
    '[rtp]',
    'audio_rtp_port=43000-43999',
    `rtcp_mux=${options.hasMux === true ? 1 : 0}`,
    ...account,
  ];
  writeFileSync(join(folder, 'linphonerc'), `${config.join('\n')}\n`);
  // Without a sound card: null devices to start with, then files.
  writeFileSync(join(folder, '.asoundrc'), 'pcm.!default { type null }\nctl.!default { type null }\n');
  for (const place of ['.local/share/linphone', '.config/linphone'])
    mkdirSync(join(folder, place), { recursive: true });
  const said = [`echo "soundcard use files"`, `echo "play ${tone}"`, ...does, 'echo quit'];
  const program = ['linphonec', ...flags, '-c', `'${join(folder, 'linphonerc')}'`].join(' ');
  return [
    'sh',
    '-c',
    `(sleep 1; ${said.join('; ')}) | HOME='${folder}' timeout ${durationS + 10} ${program}`,
  ];
}

/** Without the algorithm linphone answers MD5 only. */
function authInfo(password: string): string[] {
  return [
    ...['[auth_info_0]', 'username=alice', 'userid=alice', `passwd=${password}`],
    ...['realm=latchkey', 'algorithm=SHA-256'],
  ];
}

/**
 * From 440 Hz on, one more a second: no two packets of it are alike, so that its bytes tell each. 8000 samples a second, for ten seconds or
 * longer: baresip hangs up where its file ends.
 */
function writeTone(folder: string, durationS: number): string {
  const samples = Buffer.alloc(16_000 * Math.max(10, Math.ceil(durationS)));
  for (let i = 0; i < samples.length / 2; i++)
    samples.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * (i / 8000) * (440 + i / 16_000))), 2 * i);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(16_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  const file = join(folder, 'tone.wav');
  writeFileSync(file, Buffer.concat([head, samples]));
  return file;
}
