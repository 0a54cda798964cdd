// rtpengine, as Debian ships it or the build that RTPENGINE names, in a host of the lab: started with one setting, told of one call by
// the ng protocol as a SIP proxy tells it, userspace forwarding. Speaks no SIP: who calls whom is said in the descriptions alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab/lab.js';
import { SERVER } from '../lab/lab.js';
import type { PhoneKind } from './phone-terms.js';
import { program } from './programs.js';

const NG_PORT = 2223;
/** Found by its name where RTPENGINE is not set. */
const PROGRAM = process.env.RTPENGINE || 'rtpengine';
/** What a proxy says of the phone that a description is passed on to. */
const KINDS: Readonly<Record<PhoneKind, object>> = {
  plain: { ICE: 'remove', 'transport-protocol': 'RTP/AVP' },
  ice: { ICE: 'force', 'transport-protocol': 'RTP/AVP' },
  sdes: { ICE: 'remove', 'transport-protocol': 'RTP/SAVP', DTLS: 'off' },
};

export interface RtpengineSetting {
  /** Of the daemon. */
  readonly options: readonly string[];
  /** Of offer and answer. */
  readonly flags: readonly string[];
  readonly caller: PhoneKind;
  readonly callee: PhoneKind;
}

/** One side of the call: its description, and where its SIP came from. */
export interface Side {
  readonly sdp: string;
  readonly seenFrom: string;
}

/** What `--version` of the program says, or why there is none to run. */
export function rtpengineVersion(program = PROGRAM): { version: string } | { warning: string } {
  const { stdout, stderr, error } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5000 });
  const version = error ? undefined : /Version: *(\S+)/.exec(stdout + stderr)?.[1];
  if (version !== undefined) return { version };
  const why = error ? (error as NodeJS.ErrnoException).code : 'says no version';
  return { warning: `${program} cannot be run: ${why}` };
}

export class Rtpengine {
  readonly #client: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #setting: RtpengineSetting;

  private constructor(client: ChildProcess, setting: RtpengineSetting) {
    assert.ok(client.stdout);
    this.#client = client;
    this.#replies = createInterface(client.stdout)[Symbol.asyncIterator]();
    this.#setting = setting;
  }

  /** Fulfilled when it takes calls, with media on these ports. */
  static async start(
    lab: Lab,
    setting: RtpengineSetting,
    ports: readonly [number, number],
  ): Promise<Rtpengine> {
    const daemon = lab.spawn(
      'pub',
      ...[PROGRAM, '--config-file=none', '--foreground', '--log-stderr', '--log-level=3', '--table=-1'],
      ...[`--interface=${SERVER}`, `--listen-ng=127.0.0.1:${NG_PORT}`],
      ...[`--port-min=${ports[0]}`, `--port-max=${ports[1]}`, ...setting.options],
    );
    daemon.stdout?.resume();
    const client = lab.spawn('pub', ...program('ng-client'), String(NG_PORT));
    const rtpengine = new Rtpengine(client, setting);
    assert.equal((await rtpengine.#reply()).result, 'pong');
    return rtpengine;
  }

  /** Passes the caller's offer on; gives what the callee is to be told. */
  async offer(caller: Side): Promise<string> {
    return sdpOf(await this.#tell({ command: 'offer', ...this.#call(caller, this.#setting.callee) }));
  }

  /** Passes the callee's answer on; gives what the caller is to be told. */
  async answer(callee: Side): Promise<string> {
    const call = this.#call(callee, this.#setting.caller);
    return sdpOf(await this.#tell({ command: 'answer', 'to-tag': 'callee', ...call }));
  }

  #call({ sdp, seenFrom }: Side, to: PhoneKind) {
    return {
      ...{ 'call-id': 'comparison', 'from-tag': 'caller', sdp },
      'received-from': ['IP4', seenFrom],
      replace: ['origin', 'session-connection'],
      flags: this.#setting.flags,
      ...KINDS[to],
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

function sdpOf({ result, sdp, ...rest }: Record<string, string>): string {
  assert.ok(result === 'ok' && sdp !== undefined, JSON.stringify({ result, ...rest }));
  return sdp;
}
