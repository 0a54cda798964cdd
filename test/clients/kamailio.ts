// Debian's kamailio as a user would put it between phones and a server: it routes records, keeps registrations, forks, sees to
// NATs by nathelper, speaks UDP, TCP, TLS and WebSockets, and hides topology where told. It never looks into a body.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whyNoClient } from './client-programs.js';

export const PROXY_PORTS = { udp: 5060, tcp: 5060, tls: 5061, ws: 5080, wss: 5081 } as const;

export interface KamailioOptions {
  /** A folder of its own; it is made. */
  readonly folder: string;
  readonly address: string;
  /** PEM. */
  readonly certificate: { readonly cert: string; readonly key: string };
  /** Where a call for this user goes: a SIP URI. A call for anybody else goes to where he has registered. */
  readonly routes?: Readonly<Record<string, string>>;
  /** With topoh: neither side sees the addresses of the other. */
  readonly isHiding?: boolean;
  /** How many ACKs of calls to a user are lost, the first ones. */
  readonly lostAcks?: Readonly<Record<string, number>>;
  /** What starts a command where the proxy is to be; here unless told. */
  readonly spawn?: (...command: readonly string[]) => ChildProcess;
}

/** A message as it came to the proxy, or left it. */
export interface PassedMessage {
  readonly way: 'in' | 'out';
  readonly transport: string;
  readonly source: string;
  readonly destination: string;
  /** Byte for byte, as latin1. */
  readonly text: string;
}

export const bodyOf = ({ text }: PassedMessage) => text.slice(text.indexOf('\r\n\r\n') + 4);
export const firstLineOf = ({ text }: PassedMessage) => text.slice(0, text.indexOf('\r\n'));
export const header = (name: string, { text }: PassedMessage) =>
  new RegExp(`^${name}: *(.*)\r$`, 'im').exec(text)?.[1];
export const toTagOf = (one: PassedMessage | undefined) =>
  one && /;tag=([^;]+)/.exec(header('To', one) ?? '')?.[1];
/** A 200 to an INVITE. */
export const isAnswer = (one: PassedMessage) =>
  one.text.startsWith('SIP/2.0 200 ') && /^\d+ INVITE/.test(header('CSeq', one) ?? '');
/** The lines that are ours. */
export const latchOf = (one: PassedMessage) => bodyOf(one).match(/^a=latch.*$/gm) ?? [];

/** Why there can be no proxy; undefined where there can: Debian has modules in packages of their own. */
export function whyNoKamailio(): string | undefined {
  const missing = whyNoClient('kamailio');
  if (missing !== undefined) return missing;
  const has = (name: string) =>
    spawnSync('sh', ['-c', `ls /usr/lib/*/kamailio/modules/${name}.so`]).status === 0;
  return has('tls') && has('websocket')
    ? undefined
    : 'needs kamailio-tls-modules, kamailio-websocket-modules';
}

const MODULES = [
  ...['tm', 'sl', 'rr', 'pv', 'maxfwd', 'siputils', 'textops', 'xlog', 'usrloc', 'registrar', 'nathelper'],
  ...['tls', 'xhttp', 'websocket', 'sipdump'],
];

export class Kamailio {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** Fulfilled when it listens on all of its ports. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const { folder } = options;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'kamailio.cfg'), configuration(options));
    writeFileSync(join(folder, 'tls.cfg'), tlsConfiguration(folder));
    writeFileSync(join(folder, 'cert.pem'), options.certificate.cert);
    writeFileSync(join(folder, 'key.pem'), options.certificate.key);
    const files = ['-f', join(folder, 'kamailio.cfg'), '-P', join(folder, 'pid'), '-Y', folder];
    const start = options.spawn ?? ((program = '', ...args) => spawn(program, args));
    const child = start(
      'sh',
      '-c',
      'exec kamailio "$@" 2>&1',
      'sh',
      '-DD',
      '-E',
      ...files,
      '-m',
      '32',
      '-M',
      '4',
    );
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (text: Buffer) => {
        said += text.toString();
        if (said.includes('all is listening')) resolve();
      });
      child.once('exit', () => reject(new Error(`kamailio has ended: ${said}`)));
    });
    return new Kamailio(child, folder);
  }

  /** All messages so far, in order. */
  messages(): PassedMessage[] {
    const names = readdirSync(this.folder).filter((name) => name.endsWith('.data'));
    return names.flatMap((name) => readMessages(readFileSync(join(this.folder, name), 'latin1')));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

function configuration({
  folder,
  address,
  routes = {},
  isHiding = false,
  lostAcks = {},
}: KamailioOptions): string {
  const { udp, tcp, tls, ws, wss } = PROXY_PORTS;
  const sockets = [
    `udp:${address}:${udp}`,
    `tcp:${address}:${tcp}`,
    `tls:${address}:${tls}`,
    `tcp:${address}:${ws}`,
  ];
  const modules = [...MODULES, ...(isHiding ? ['topoh'] : [])];
  const losses = Object.entries(lostAcks);
  return `#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=2
enable_tls=yes
auto_aliases=no
dns=no
tcp_accept_no_cl=yes
${[...sockets, `tls:${address}:${wss}`].map((at) => `listen=${at}`).join('\n')}
${modules.map((name) => `loadmodule "${name}.so"`).join('\n')}
modparam("tls", "config", "${join(folder, 'tls.cfg')}")
modparam("nathelper", "received_avp", "$avp(received)")
modparam("registrar", "received_avp", "$avp(received)")
modparam("sipdump", "enable", 1)
modparam("sipdump", "folder", "${folder}")
modparam("sipdump", "wait", 1000)
${losses.map(([user, count]) => `modparam("pv", "shvset", "${user}=i:${Math.min(count, 1_000_000)}")`).join('\n')}
${isHiding ? 'modparam("topoh", "mask_key", "a key of the test")' : ''}

request_route {
  # The Via of who sends is passed on as it is: what it says of TLS has to be true.
  if ($hdr(Via) =~ "^SIP */ *2\\.0 */ *(TLS|WSS)" && !($proto =~ "^(tls|wss)$")) {
    if (!is_method("ACK")) sl_send_reply("400", "Via of another transport");
    exit;
  }
  force_rport();
  if (has_totag()) {
${losses.map(([user]) => loss(user)).join('\n')}
    if (loose_route()) {
      handle_ruri_alias();
      add_contact_alias();
      t_relay();
    } else if (is_method("ACK")) {
      if (t_check_trans()) t_relay();
    } else {
      sl_send_reply("404", "Not here");
    }
    exit;
  }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  t_check_trans();
  if (is_method("REGISTER")) {
    fix_nated_register();
    save("location");
    exit;
  }
  record_route();
  add_contact_alias();
${Object.entries(routes)
  .map(([user, uri]) => route(user, uri))
  .join('\n')}
  if (lookup("location")) t_relay();
  else sl_send_reply("404", "Not here");
}

reply_route {
  add_contact_alias();
}

event_route[xhttp:request] {
  if ($hdr(Upgrade) =~ "websocket") ws_handle_handshake();
  else xhttp_reply("404", "Not here", "", "");
}

event_route[core:worker-one-init] {
  xlog("L_ERR", "all is listening\\n");
}
`;
}

function loss(user: string): string {
  return `    if (is_method("ACK") && $tU == "${user}" && $shv(${user}) > 0) {
      $shv(${user}) = $shv(${user}) - 1;
      exit;
    }`;
}

function route(user: string, uri: string): string {
  return `  if ($rU == "${user}") {
    $ru = "${uri}";
    t_relay();
    exit;
  }`;
}

/** It asks nobody for a certificate, and takes that of the server as it is. */
function tlsConfiguration(folder: string): string {
  return `[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
certificate = ${join(folder, 'cert.pem')}
private_key = ${join(folder, 'key.pem')}
[client:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
`;
}

function readMessages(text: string): PassedMessage[] {
  return text
    .split(/^={20}\n/m)
    .slice(1)
    .map((one) => {
      const middle = one.indexOf(`${'~'.repeat(20)}\n`);
      const head = one.slice(0, middle);
      const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(head)?.[1] ?? '';
      return {
        way: of('tag') === 'rcv' ? 'in' : 'out',
        transport: of('proto').split(' ')[0] ?? '',
        source: `${of('srcip')}:${of('srcport')}`,
        destination: `${of('dstip')}:${of('dstport')}`,
        text: one.slice(middle + 21, one.lastIndexOf('|'.repeat(20))),
      };
    });
}
