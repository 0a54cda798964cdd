// rtpengine as Debian ships it, in a host of the lab: started with one setting, told of one call by the ng protocol as a SIP proxy
// tells it, userspace forwarding. Speaks no SIP: who calls whom is said in the two descriptions alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TransportAddress } from '../../lib/wire/index.js';
import type { Lab } from '../lab/lab.js';
import { SERVER } from '../lab/lab.js';

const NG_CLIENT = fileURLToPath(new URL('ng-client.ts', import.meta.url));
const NG_PORT = 2223;

export interface RtpengineSetting {
  /** Of the daemon. */
  readonly options: readonly string[];
  /** Of offer and answer. */
  readonly flags: readonly string[];
}

/** One side of the call: what its own description says, and where its SIP came from. */
export interface Endpoint {
  readonly signalled: TransportAddress;
  readonly seenFrom: string;
}

/** As the program says it; undefined where there is none. */
export function rtpengineVersion(): string | undefined {
  const { stdout, stderr, error } = spawnSync('rtpengine', ['--version'], { encoding: 'utf8' });
  return error ? undefined : /Version: *(\S+)/.exec(stdout + stderr)?.[1];
}

export class Rtpengine {
  readonly #client: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #flags: readonly string[];

  private constructor(client: ChildProcess, flags: readonly string[]) {
    assert.ok(client.stdout);
    this.#client = client;
    this.#replies = createInterface(client.stdout)[Symbol.asyncIterator]();
    this.#flags = flags;
  }

  /** Fulfilled when it takes calls, with media on these ports. */
  static async start(
    lab: Lab,
    { options, flags }: RtpengineSetting,
    ports: readonly [number, number],
  ): Promise<Rtpengine> {
    const daemon = lab.spawn(
      'pub',
      ...['rtpengine', '--config-file=none', '--foreground', '--log-stderr', '--log-level=3', '--table=-1'],
      ...[`--interface=${SERVER}`, `--listen-ng=127.0.0.1:${NG_PORT}`],
      ...[`--port-min=${ports[0]}`, `--port-max=${ports[1]}`, ...options],
    );
    daemon.stdout?.resume();
    const client = lab.spawn('pub', process.execPath, '--import=tsx', NG_CLIENT, String(NG_PORT));
    const rtpengine = new Rtpengine(client, flags);
    assert.equal((await rtpengine.#reply()).result, 'pong');
    return rtpengine;
  }

  /** Offers and answers one call; gives its ports, for the caller and for the callee. */
  async open([caller, callee]: readonly [Endpoint, Endpoint]): Promise<[number, number]> {
    const call = { 'call-id': 'comparison', 'from-tag': 'caller', ...this.#side(caller) };
    const offered = await this.#tell({ command: 'offer', ...call });
    const answered = await this.#tell({
      ...{ command: 'answer', ...call, 'to-tag': 'callee' },
      ...this.#side(callee),
    });
    // Each is told the port for it: the callee by the offer as it was passed on, the caller by the answer.
    return [portOf(answered), portOf(offered)];
  }

  #side({ signalled, seenFrom }: Endpoint) {
    return {
      sdp: describe(signalled),
      'received-from': ['IP4', seenFrom],
      replace: ['origin', 'session-connection'],
      flags: this.#flags,
      ICE: 'remove',
    };
  }

  #tell(command: object): Promise<Record<string, string>> {
    this.#client.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.#reply();
  }

  async #reply(): Promise<Record<string, string>> {
    const line = await this.#replies.next();
    assert.ok(!line.done, 'rtpengine answers');
    return JSON.parse(line.value) as Record<string, string>;
  }
}

function portOf(reply: Record<string, string>): number {
  const port = /^m=audio (\d+) /m.exec(reply.sdp ?? '')?.[1];
  assert.ok(reply.result === 'ok' && port !== undefined, JSON.stringify(reply));
  return Number(port);
}

function describe({ address, port }: TransportAddress): string {
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    'a=rtpmap:0 PCMU/8000',
    'a=sendrecv',
    '',
  ].join('\r\n');
}
