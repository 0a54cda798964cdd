// rtpengine as Debian ships it, or the one that RTPENGINE names: userspace forwarding by one thread, a port for each peer. Told of
// its calls by the ng protocol as a SIP proxy tells it.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PEERS_ADDRESS, SERVER_ADDRESS, portOf, roomsOf } from './load.js';
import type { Load } from './load.js';
import { end } from './native-variant.js';
import { cryptoLineOf, suiteOf } from './srtp-packets.js';
import type { Variant } from './variant.js';

const NG_CLIENT = fileURLToPath(new URL('../compare/ng-client.ts', import.meta.url));
const NG_PORT = 22_222;
const PORTS = [30_000, 59_999] as const;
const PROGRAM = process.env.RTPENGINE ?? 'rtpengine';

/** As it says it; undefined where there is none. */
export function rtpengineVersion(): string | undefined {
  const { stdout, stderr, error } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
  return error ? undefined : /Version: *(\S+)/.exec(stdout + stderr)?.[1];
}

export const rtpengineVariant: Variant = {
  name: 'rtpengine',
  title: 'rtpengine, userspace, one thread',
  whyNot({ peers }) {
    if (rtpengineVersion() === undefined)
      return 'not found (Debian package rtpengine-daemon, or RTPENGINE=PATH)';
    return peers > 2 ? 'a call of two is what it knows' : undefined;
  },
  async start(load) {
    const daemon = spawn(
      PROGRAM,
      [
        ...['--config-file=none', '--foreground', '--log-stderr', '--log-level=2', '--table=-1'],
        ...['--num-threads=1', `--interface=${SERVER_ADDRESS}`, `--listen-ng=127.0.0.1:${NG_PORT}`],
        ...[`--port-min=${PORTS[0]}`, `--port-max=${PORTS[1]}`],
      ],
      { stdio: 'ignore' },
    );
    const client = spawn(process.execPath, ['--import=tsx', NG_CLIENT, String(NG_PORT)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const ports = await openCalls(client, load);
      return { pid: daemon.pid ?? 0, ports, close: () => end(daemon) };
    } catch (error) {
      await end(daemon);
      throw error;
    } finally {
      await end(client);
    }
  },
};

/** Offers and answers every call; gives the port for each peer. */
async function openCalls(client: ChildProcess, load: Load): Promise<number[]> {
  const { stdin, stdout } = client;
  if (!stdin || !stdout) throw new Error('no pipes to the client of rtpengine');
  const replies = createInterface(stdout)[Symbol.asyncIterator]();
  const reply = async (): Promise<Record<string, string>> => {
    const line = await replies.next();
    if (line.done === true) throw new Error('rtpengine does not answer');
    return JSON.parse(line.value) as Record<string, string>;
  };
  if ((await reply()).result !== 'pong') throw new Error('rtpengine does not answer');
  const ports: number[] = [];
  for (const [room, [caller = 0, callee = 0]] of roomsOf(load).entries()) {
    const call = {
      'call-id': `call ${room}`,
      'from-tag': 'caller',
      replace: ['origin', 'session-connection'],
    };
    const tell = async (command: object) => {
      stdin.write(`${JSON.stringify({ ...call, ICE: 'remove', DTLS: 'off', ...command })}\n`);
      return descriptionOf(await reply());
    };
    const offered = await tell({ command: 'offer', sdp: describe(caller, load) });
    const answer = describe(callee, load, tagOf(callee, offered));
    const answered = await tell({ command: 'answer', 'to-tag': 'callee', sdp: answer });
    // Each is told the port for it: the callee by the offer as it was passed on, the caller by the answer.
    ports.push(portIn(answered), portIn(offered));
  }
  return ports;
}

function descriptionOf(reply: Record<string, string>): string {
  if (reply.result !== 'ok' || reply.sdp === undefined)
    throw new Error(`rtpengine: ${JSON.stringify(reply)}`);
  return reply.sdp;
}

function portIn(sdp: string): number {
  return Number(/^m=audio (\d+) /m.exec(sdp)?.[1]);
}

/** What the offer calls the suite of a peer: an answer names it so. */
function tagOf(peer: number, offered: string): number {
  return Number(new RegExp(`^a=crypto:(\\d+) ${suiteOf(peer)} `, 'm').exec(offered)?.[1] ?? 1);
}

function describe(peer: number, { isSrtp }: Load, cryptoTag = 1): string {
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${PEERS_ADDRESS}`,
    's=-',
    `c=IN IP4 ${PEERS_ADDRESS}`,
    't=0 0',
    `m=audio ${portOf(peer)} ${isSrtp ? 'RTP/SAVP' : 'RTP/AVP'} 0`,
    'a=rtpmap:0 PCMU/8000',
    'a=sendrecv',
    ...(isSrtp ? [cryptoLineOf(peer, cryptoTag)] : []),
    '',
  ].join('\r\n');
}
