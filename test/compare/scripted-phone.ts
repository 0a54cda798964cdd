// A phone of the comparison that is made of a script and a talker: what it says in SDP, and a program on its host for its media.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { MasterKey } from '../../lib/srtp/index.js';
import { SERVER } from '../lab/lab.js';
import type { HostName, Lab } from '../lab/lab.js';
import { markOf } from './content.js';
import type { Speaker } from './content.js';
import type { IceRole } from './ice-talk.js';
import { createTerms, describe, masterKeyOf, readTerms } from './phone-terms.js';
import type { PhoneKind, Terms } from './phone-terms.js';
import { program } from './programs.js';
import type { TalkerPlan, TalkerStart } from './talker.js';

/** With what a phone protects what it sends, and what it hears is protected. */
export interface PhoneKeys {
  readonly sends: MasterKey;
  readonly hears: MasterKey;
}

export interface PhonePlan {
  readonly kind: PhoneKind;
  readonly speaker: Speaker;
  /** Its own; 0 for any. */
  readonly port: number;
  readonly intervalMs: number;
}

export class ScriptedPhone {
  readonly #child: ChildProcess;
  readonly #own: Terms;
  readonly #address: string;
  #role: IceRole = 'controlling';
  #peer: Terms | undefined;
  #isTalking = false;

  private constructor(child: ChildProcess, own: Terms, address: string) {
    this.#child = child;
    this.#own = own;
    this.#address = address;
  }

  /** Fulfilled when its port is open. */
  static async start(lab: Lab, host: HostName, phone: PhonePlan): Promise<ScriptedPhone> {
    const { kind, speaker, port, intervalMs } = phone;
    const own = createTerms(kind, port);
    const plan: TalkerPlan = { own, intervalMs, text: markOf(speaker), server: SERVER };
    const child = lab.spawn(host, ...program('talker'), JSON.stringify(plan));
    assert.ok(child.stdout);
    await once(child.stdout, 'data');
    return new ScriptedPhone(child, own, lab.addressOf(host));
  }

  /** Undefined of a phone without SRTP. */
  get keys(): PhoneKeys | undefined {
    const [sends, hears] = [this.#own.key, this.#peer?.key];
    return sends === undefined || hears === undefined
      ? undefined
      : { sends: masterKeyOf(sends), hears: masterKeyOf(hears) };
  }

  offer(): string {
    return describe(this.#own, this.#address);
  }

  answer(offer: string): string {
    this.#role = 'controlled';
    return describe(this.#own, this.#address, offer);
  }

  /** Takes the other side's description, and speaks there where it speaks at all; gives the port that it names. */
  take(description: string): number {
    this.#peer = readTerms(description);
    if (this.#isTalking) this.talk();
    return this.#peer.port;
  }

  /** To where the description says, or to this port, whatever it is. */
  talk(port?: number): void {
    const peer = port === undefined ? this.#peer : { port };
    assert.ok(peer, 'the other side is known');
    const start: TalkerStart = { peer, role: this.#role };
    this.#isTalking = true;
    this.#child.stdin?.write(`${JSON.stringify(start)}\n`);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
