// One call of the comparison, in a lab of its own: a caller behind a NAT that rebinds in mid call, a callee in the open, a server
// between them, and perhaps an attacker who knows the server's ports. What happened is read from captures alone.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Capture } from '../lab/capture.js';
import { jsonLines } from '../lab/json-lines.js';
import { Lab, SERVER } from '../lab/lab.js';
import type { HostName } from '../lab/lab.js';
import { INTERVAL_MS, markOf, recordingOf, speakerOf } from './content.js';
import type { Speaker } from './content.js';
import { Rtpengine } from './rtpengine.js';
import type { Scene, Setting } from './settings.js';
import { tally } from './tally.js';
import type { Party, Tally } from './tally.js';

const TALKER = fileURLToPath(new URL('talker.mjs', import.meta.url));
/** Of the server: a pair for each of the two. */
const PORTS = [40_000, 40_003] as const;
const OWN_PORT = 10_100;
const ATTACK_INTERVAL_MS = 10;

/** From the first media on: rtpengine learns for 3 s before it decides, and is given them. */
export const REBINDING_AFTER_MS = 5000;
export const CALL_MS = 9000;
export const ATTACK_LEAD_MS = 100;

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What differs between the servers. */
interface Server {
  /** Signals the call as far as can be before media; gives the server's port for the caller. */
  readonly open: () => Promise<number>;
  /** Media, both ways. */
  readonly talk: () => Promise<void>;
  readonly hangUp: () => Promise<unknown>;
}

export class Call {
  readonly #lab: Lab;
  readonly #folder = mkdtempSync(join(tmpdir(), 'latchkey-compare-'));
  readonly #hosts: Readonly<Record<Speaker, HostName>>;
  readonly #captures = new Map<Speaker, Capture>();
  readonly #isAttacked: boolean;
  #attack: ChildProcess | undefined;
  readonly #setting: Setting;
  #server: Server | undefined;

  constructor(setting: Setting, { plan, attacker }: Scene) {
    this.#setting = setting;
    this.#isAttacked = attacker !== undefined;
    this.#hosts = { caller: 'cliA', callee: 'open', attacker: attacker ?? 'att' };
    this.#lab = new Lab(plan);
  }

  /** Everything that may take its time: server, captures, and programs that wait for their start. */
  async prepare(): Promise<void> {
    for (const [speaker, host] of Object.entries(this.#hosts) as [Speaker, HostName][]) {
      const file = join(this.#folder, `${speaker}.pcap`);
      this.#captures.set(speaker, await Capture.start(this.#lab, host, file));
    }
    this.#server =
      this.#setting.server === 'rtpengine' ? await this.#prepareRtpengine() : await this.#prepareLatchkey();
    if (this.#isAttacked) this.#attack = await this.#talker('attacker', ATTACK_INTERVAL_MS);
  }

  /** The call itself, and what was counted of it. */
  async run(): Promise<Tally> {
    assert.ok(this.#server);
    const target = await this.#server.open();
    this.#attack?.stdin?.write(`${target}\n`);
    await after(ATTACK_LEAD_MS);
    await this.#server.talk();
    await after(REBINDING_AFTER_MS);
    const reboundMs = Date.now();
    this.#lab.rebind();
    await after(CALL_MS - REBINDING_AFTER_MS - (Date.now() - reboundMs));
    const endMs = Date.now();
    await this.#server.hangUp();
    this.#attack?.kill('SIGKILL');
    const [caller, callee] = [await this.#party('caller'), await this.#party('callee')];
    checkTarget(caller, target);
    return tally({ caller, callee, attacker: await this.#party('attacker'), reboundMs, endMs });
  }

  close(): void {
    this.#lab.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #prepareRtpengine(): Promise<Server> {
    assert.ok(this.#setting.server === 'rtpengine');
    const rtpengine = await Rtpengine.start(this.#lab, this.#setting.rtpengine, PORTS);
    const phones = [
      await this.#talker('caller', INTERVAL_MS),
      await this.#talker('callee', INTERVAL_MS),
    ] as const;
    const side = (speaker: Speaker, seenFrom: string) => ({
      signalled: { address: this.#addressOf(speaker), port: OWN_PORT },
      seenFrom,
    });
    const sides = [
      side('caller', this.#lab.addressOf('natA')),
      side('callee', this.#addressOf('callee')),
    ] as const;
    let ports: readonly number[] = [];
    return {
      open: async () => {
        const [toCaller, toCallee] = await rtpengine.open(sides);
        ports = [toCaller, toCallee];
        return toCaller;
      },
      talk: async () => {
        for (const [i, phone] of phones.entries()) phone.stdin?.write(`${ports[i]}\n`);
        return Promise.resolve();
      },
      hangUp: async () => {
        for (const phone of phones) phone.kill('SIGKILL');
        return Promise.resolve();
      },
    };
  }

  async #prepareLatchkey(): Promise<Server> {
    assert.ok(this.#setting.server === 'latchkey');
    const { policy, transport } = this.#setting;
    const options = ['--open', '--listen', SERVER, '--media', PORTS.join('-'), '--policy', policy];
    const server = jsonLines(this.#lab.latchkey('pub', 'serve', '--json', ...options));
    const { certificate } = await server.has('listening');
    const trust = transport === 'tls' ? ['--ca', String(certificate)] : [];
    const uri = `sip:comparison@${SERVER}:${transport === 'tls' ? 5061 : 5060};transport=${transport}`;
    const call = async (speaker: 'caller' | 'callee') => {
      const recording = join(this.#folder, `${speaker}.play.pcap`);
      writeFileSync(recording, recordingOf(speaker));
      const args = ['call', uri, ...trust, '--play', recording, '--json'];
      const phone = this.#lab.latchkey(this.#hosts[speaker], ...args);
      const lines = jsonLines(phone);
      await lines.has('answered');
      return { phone, lines };
    };
    const phones = [await call('callee')];
    return {
      // Pairs are lent in order: the callee has the first, and the caller will have the second.
      open: () => Promise.resolve(PORTS[0] + 2),
      talk: async () => void phones.push(await call('caller')),
      hangUp: () => {
        for (const { phone } of phones) phone.kill('SIGINT');
        return Promise.all(phones.map(({ lines }) => lines.end));
      },
    };
  }

  async #talker(speaker: Speaker, intervalMs: number): Promise<ChildProcess> {
    const ownPort = speaker === 'attacker' ? 0 : OWN_PORT;
    const args = [ownPort, intervalMs, markOf(speaker), SERVER].map(String);
    const child = this.#lab.spawn(this.#hosts[speaker], process.execPath, TALKER, ...args);
    await once(child.stdout!, 'data');
    return child;
  }

  #addressOf(speaker: Speaker): string {
    return this.#lab.addressOf(this.#hosts[speaker]);
  }

  async #party(speaker: Speaker): Promise<Party> {
    const capture = this.#captures.get(speaker);
    assert.ok(capture);
    return { address: this.#addressOf(speaker), packets: await capture.stop() };
  }
}

/** An attack on a port that is not the call's would show nothing. */
function checkTarget({ address, packets }: Party, target: number): void {
  const sent = packets.filter(
    ({ payload, source }) => source.address === address && speakerOf(payload) === 'caller',
  );
  assert.ok(sent.length > CALL_MS / INTERVAL_MS / 2, `the caller sent ${sent.length} packets`);
  assert.ok(
    sent.every(({ destination }) => destination.port === target),
    'the attacker knows the port',
  );
}
