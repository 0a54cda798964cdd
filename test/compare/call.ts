// One call of the comparison, in a lab of its own: a caller behind a NAT that rebinds in mid call, a callee in the open, a server
// between them, and perhaps an attacker who knows the server's ports. What happened is read from captures alone.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Capture } from '../lab/capture.js';
import { Lab } from '../lab/lab.js';
import type { HostName } from '../lab/lab.js';
import { INTERVAL_MS, speakerOf } from './content.js';
import type { Speaker } from './content.js';
import { opened } from './opened.js';
import { ScriptedPhone } from './scripted-phone.js';
import { CLIENTS, prepare } from './servers.js';
import type { Server } from './servers.js';
import type { Scene, Setting } from './settings.js';
import { tally } from './tally.js';
import type { Party, Tally } from './tally.js';

const ATTACK_INTERVAL_MS = 10;

/** From the first media on: rtpengine learns for 3 s before it decides, and is given them. */
export const REBINDING_AFTER_MS = 5000;
export const CALL_MS = 9000;
export const ATTACK_LEAD_MS = 100;

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class Call {
  readonly #lab: Lab;
  readonly #folder = mkdtempSync(join(tmpdir(), 'latchkey-compare-'));
  readonly #hosts: Readonly<Record<Speaker, HostName>>;
  readonly #captures = new Map<Speaker, Capture>();
  readonly #isAttacked: boolean;
  #attack: ScriptedPhone | undefined;
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
    const site = { lab: this.#lab, folder: this.#folder, hosts: this.#hosts };
    const capture = async ([speaker, host]: [Speaker, HostName]) =>
      this.#captures.set(
        speaker,
        await Capture.start(this.#lab, host, join(this.#folder, `${speaker}.pcap`)),
      );
    await Promise.all((Object.entries(this.#hosts) as [Speaker, HostName][]).map(capture));
    const plan = { kind: 'plain', speaker: 'attacker', port: 0, intervalMs: ATTACK_INTERVAL_MS } as const;
    [this.#server, this.#attack] = await Promise.all([
      prepare(site, this.#setting),
      this.#isAttacked ? ScriptedPhone.start(this.#lab, this.#hosts.attacker, plan) : undefined,
    ]);
  }

  /** The call itself, and what was counted of it. */
  async run(): Promise<Tally> {
    assert.ok(this.#server);
    const targets = [await this.#server.open()];
    const aim = (port: number) => {
      if (port !== targets.at(-1)) targets.push(port);
      this.#attack?.talk(port);
    };
    aim(targets[0]!);
    this.#server.onFound?.(aim);
    await after(ATTACK_LEAD_MS);
    await this.#server.talk();
    await after(REBINDING_AFTER_MS);
    const reboundMs = Date.now();
    this.#lab.rebind();
    await after(CALL_MS - REBINDING_AFTER_MS - (Date.now() - reboundMs));
    const endMs = Date.now();
    await this.#server.hangUp();
    this.#attack?.stop();
    const [caller, callee] = [await this.#party('caller'), await this.#party('callee')];
    checkTargets(caller, targets);
    return tally({ caller, callee, attacker: await this.#party('attacker'), reboundMs, endMs });
  }

  close(): void {
    this.#lab.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #party(speaker: Speaker): Promise<Party> {
    const capture = this.#captures.get(speaker);
    assert.ok(capture);
    const address = this.#lab.addressOf(this.#hosts[speaker]);
    const packets = await capture.stop();
    // A client opens what is meant for it; to the attacker everything counts: what it cannot read is stolen all the same.
    if (speaker === 'attacker') {
      const secrets = CLIENTS.map((client) => this.#server?.keysOf(client)).flatMap((keys) => keys ?? []);
      const keys = secrets.flatMap(({ sends, hears }) => [sends, hears]);
      return { address, packets: opened(packets, keys) };
    }
    const keys = this.#server?.keysOf(speaker);
    if (!keys) return { address, packets };
    const isOwn = ({ source }: (typeof packets)[number]) => source.address === address;
    const [own, heard] = [packets.filter(isOwn), packets.filter((packet) => !isOwn(packet))];
    return { address, packets: [...opened(own, [keys.sends]), ...opened(heard, [keys.hears])] };
  }
}

/** An attack on a port that is not the call's would show nothing. */
function checkTargets({ address, packets }: Party, targets: readonly number[]): void {
  const sent = packets.filter(
    ({ payload, source }) => source.address === address && speakerOf(payload) === 'caller',
  );
  assert.ok(sent.length > CALL_MS / INTERVAL_MS / 2, `the caller sent ${sent.length} packets`);
  const ports = sent.map(({ destination }) => destination.port);
  assert.ok(
    ports.every((port) => targets.includes(port)) && ports.at(-1) === targets.at(-1),
    `the attacker knows the port: ${targets.join(', ')} of ${[...new Set(ports)].join(', ')}`,
  );
}
