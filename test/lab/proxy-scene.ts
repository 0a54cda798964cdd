// Debian's kamailio on a host of its own between callers behind NATs and servers of latchkey: by TLS on both sides, and by UDP
// in clear to a server that was told of the proxy and to one that was not. It plays and tells; it judges nothing.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createCertificate } from '../../lib/cli/certificate.js';
import type { Certificate } from '../../lib/cli/certificate.js';
import { baresip } from '../clients/client-programs.js';
import type { CallOptions } from '../clients/client-programs.js';
import { Kamailio, PROXY_PORTS } from '../clients/kamailio.js';
import type { PassedMessage } from '../clients/kamailio.js';
import { jsonLines } from './json-lines.js';
import type { JsonLines, Line } from './json-lines.js';
import { Lab, LATCHKEY, PROXY, SERVER } from './lab.js';
import type { HostName } from './lab.js';

/** Sends its second argument to its first, over UDP, and prints the first final response. */
const ASK = `
  const [host, port, text] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (bytes) => {
    if (/^SIP\\/2\\.0 1/.test(String(bytes))) return;
    console.log(String(bytes));
    socket.close();
  });
  socket.send(text, port, host);
`;
const HOME_TELLER = fileURLToPath(new URL('home-teller.mjs', import.meta.url));
/** A server is on the port that its name stands for. */
const PORTS = {
  over: 5071,
  told: 5072,
  untold: 5073,
  home: 5074,
  stranger: 5075,
  plain: 5076,
  keys: 5080,
} as const;
/** Behind the proxy: `over` TLS; over UDP `told` of the proxy, and `untold`; two that only say who calls; `plain` as `told`, for phones without a key. */
export type ServerName = Exclude<keyof typeof PORTS, 'keys'>;

export interface ProxyOptions {
  readonly isHiding?: boolean;
  /** cliA has a neighbour, cliA2. */
  readonly hasNeighbour?: boolean;
}

/** Users behind whom is a server too, but the proxy loses the first two ACKs to the one, and all to the others. */
const LOST_ACKS = { lossy: 2, deaf: Infinity, deafOver: Infinity } as const;

/** What became of a `latchkey call`. */
export interface CallOutcome {
  readonly answered: Line | undefined;
  readonly summary: Line | undefined;
}

/** What a program has printed so far. */
export class Output {
  text = '';

  constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (text: Buffer) => (this.text += text.toString('latin1')));
  }

  /** How often it has printed that; the pattern is global. */
  count(pattern: RegExp): number {
    return this.text.match(pattern)?.length ?? 0;
  }

  /** Fulfilled when it has printed that so often, now or later. */
  async has(pattern: RegExp, times = 1): Promise<void> {
    while (this.count(pattern) < times) await this.more();
  }

  /** Fulfilled when it has printed something more. */
  async more(): Promise<void> {
    await once(this.child.stdout!, 'data');
  }
}

export class ProxyScene {
  readonly lab: Lab;
  readonly folder = mkdtempSync(join(tmpdir(), 'latchkey-proxy-'));
  readonly #servers = new Map<ServerName, JsonLines>();

  private constructor(
    private readonly options: ProxyOptions,
    readonly certificate: Certificate,
  ) {
    const neighbour = options.hasNeighbour === true;
    this.lab = new Lab({ proxy: true, natB: { type: 'remapped' }, neighbour });
  }

  #kamailio: Kamailio | undefined;

  static async open(options: ProxyOptions, ...servers: readonly ServerName[]): Promise<ProxyScene> {
    const scene = new ProxyScene(options, await createCertificate([PROXY]));
    try {
      await scene.#start(servers);
      return scene;
    } catch (error) {
      scene.close();
      throw error;
    }
  }

  async #start(servers: readonly ServerName[]): Promise<void> {
    const { lab, certificate, folder } = this;
    const at = (name: ServerName) =>
      `sip:echo@${SERVER}:${PORTS[name]}${name === 'over' ? ';transport=tls' : ''}`;
    const routes = {
      ...Object.fromEntries(servers.map((name) => [name, at(name)])),
      // Where the topology is hidden, the server that was told takes no call with a secret.
      ...{
        homeOver: `${at('home')};transport=tls`,
        lossy: at(this.options.isHiding ? 'over' : 'told'),
        deaf: at('told'),
        deafOver: at('over'),
      },
    };
    const started = Kamailio.start({
      ...{
        ...this.options,
        folder: join(folder, 'kamailio'),
        address: PROXY,
        certificate,
        routes,
        lostAcks: LOST_ACKS,
      },
      spawn: (...command) => lab.spawn('proxy', ...command),
    });
    for (const name of servers) this.#servers.set(name, this.#serve(name));
    this.#kamailio = await started;
    await Promise.all(servers.map((name) => this.server(name).has('listening')));
  }

  #serve(name: ServerName): JsonLines {
    const range = `${PROXY}/32`;
    if (name === 'home' || name === 'stranger') {
      const trusted = name === 'home' ? [range] : [];
      const args = [HOME_TELLER, SERVER, String(PORTS[name]), ...trusted];
      return jsonLines(this.lab.spawn('pub', process.execPath, ...args));
    }
    const ports = (flag: string) =>
      flag === (name === 'over' ? '--tls' : '--udp') ? String(PORTS[name]) : '0';
    const listen = ['--udp', '--tcp', '--tls'].flatMap((flag) => [flag, ports(flag)]);
    const first = 40_000 + 20 * Object.keys(PORTS).indexOf(name);
    const last = first + (name === 'plain' ? 399 : 19);
    const options = ['--open', '--listen', SERVER, ...listen, '--media', `${first}-${last}`];
    if (name === 'plain') options.push('--proxy', range);
    if (name === 'told') options.push('--proxy', range, '--policy', 'require');
    if (name === 'untold') options.push('--https', String(PORTS.keys));
    return jsonLines(this.lab.latchkey('pub', 'serve', '--json', '--verbose', ...options));
  }

  server(name: ServerName): JsonLines {
    const server = this.#servers.get(name);
    if (!server) throw new Error(`there is no ${name}`);
    return server;
  }

  /** What kamailio has taken and sent so far. */
  messages(): PassedMessage[] {
    return this.#kamailio?.messages() ?? [];
  }

  /** A `latchkey call` through the proxy, to its end; it is told these words on the way, one every 700 ms from its verification on. */
  async call(
    host: HostName,
    user: string,
    transport: 'udp' | 'tls',
    options: readonly string[] = [],
    words: readonly string[] = [],
  ): Promise<CallOutcome> {
    const uri = `sip:${user}@${PROXY}:${PROXY_PORTS[transport]};transport=${transport}`;
    const trust = transport === 'tls' ? ['--ca', this.certificate.file] : [];
    const child = this.lab.latchkey(host, 'call', uri, '--json', '--commands', ...trust, ...options);
    const lines = jsonLines(child);
    if (words.length > 0) await lines.has('verified');
    for (const word of words) {
      await delay(700);
      child.stdin?.write(`${word}\n`);
    }
    await lines.end;
    return {
      answered: lines.all.find(({ event }) => event === 'answered'),
      summary: lines.all.find((line) => line.event === undefined),
    };
  }

  #baresip(host: HostName, user: string, options: Pick<CallOptions, 'transport' | 'hasMux' | 'durationS'>) {
    const folder = join(this.folder, `phone-${host}`);
    mkdirSync(folder, { recursive: true });
    const command = baresip({
      ...{ folder, address: this.lab.addressOf(host), user, hasIce: true, ...options },
      server: { address: PROXY, port: PROXY_PORTS[options.transport] },
      certificate: this.certificate.file,
    });
    return { folder, command };
  }

  /** One request over UDP to the proxy, of which every byte is the caller's, and the first line of its final response. */
  async ask(host: HostName, request: string): Promise<string> {
    const args = ['-e', ASK, PROXY, String(PROXY_PORTS.udp), request];
    const child = this.lab.spawn(host, process.execPath, ...args);
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString('latin1')));
    await new Promise((resolve) => child.once('close', resolve));
    return said.slice(0, said.indexOf('\r\n'));
  }

  /** docs/examples/sip-js.ts beside the servers; fulfilled when it has registered at the proxy. */
  async registered(scheme: 'ws' | 'wss' = 'wss'): Promise<Output> {
    const args = [`${scheme}://${PROXY}:${PROXY_PORTS[scheme]}`, this.certificate.file, '', SERVER];
    const program = new Output(
      this.lab.spawn('pub', process.execPath, '--import=tsx', 'docs/examples/sip-js.ts', ...args),
    );
    await program.has(/^registered/gm);
    return program;
  }

  /** A baresip that registers as that user at the proxy, over TLS, and lets it ring; fulfilled when it has registered. */
  async ringing(host: HostName, user: string): Promise<Output> {
    const { folder, command } = this.#baresip(host, user, { transport: 'tls', durationS: 60 });
    const server = `${PROXY}:${PROXY_PORTS.tls};transport=tls`;
    writeFileSync(join(folder, 'accounts'), `<sip:${user}@${server}>;regint=60;medianat=ice\n`);
    // Without the two words that make it call.
    const phone = new Output(this.lab.spawn(host, ...command.slice(0, -2)));
    await phone.has(/200 OK/g);
    return phone;
  }

  /** A `latchkey serve` of its own that calls that user through the proxy, over TLS. */
  calling(user: string, room: string, ...more: readonly string[]): JsonLines {
    const uri = `sip:${user}@${PROXY}:${PROXY_PORTS.tls};transport=tls`;
    const listen = [
      '--open',
      '--listen',
      SERVER,
      '--udp',
      '0',
      '--tcp',
      '0',
      '--tls',
      'auto',
      '--media',
      '40200-40203',
    ];
    const trusting = ['env', `NODE_EXTRA_CA_CERTS=${this.certificate.file}`];
    return jsonLines(
      this.lab.spawn(
        'pub',
        ...trusting,
        ...LATCHKEY,
        'serve',
        '--json',
        ...listen,
        '--call',
        uri,
        '--room',
        room,
        ...more,
      ),
    );
  }

  /** The options of `latchkey call` that fetch a key from the server `untold`. */
  get keyOptions(): string[] {
    return ['--keys', `https://${SERVER}:${PORTS.keys}`, '--insecure'];
  }

  /** A baresip with ICE through the proxy, to its end: the packets that it has sent and received. */
  async phone(
    host: HostName,
    user: string,
    options: Pick<CallOptions, 'transport' | 'hasMux' | 'durationS'>,
  ): Promise<{ sent: number; received: number }> {
    const { command } = this.#baresip(host, user, options);
    const child = this.lab.spawn(host, 'sh', '-c', 'exec "$@" 2>&1', 'sh', ...command);
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString('latin1')));
    await new Promise((resolve) => child.once('close', resolve));
    const [, sent = 0, received = 0] = (/packets: +(\d+) +(\d+)/.exec(said) ?? []).map(Number);
    return { sent, received };
  }

  close(): void {
    this.lab.close();
    this.certificate.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
