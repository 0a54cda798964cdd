// One call of the odds from beginning to end in virtual time: a phone behind a symmetric NAT, a server of the kind on trial, and
// whoever attacks. 5 s before the port is told the attack may begin; 6 s after the 200 the NAT rebinds; 4 s later it is over.
import type { TransportAddress } from '../../lib/wire/address.js';
import { makeRtp } from '../support/media.js';
import { Nat } from '../support/nat.js';
import type { Link } from '../support/network.js';
import { Prng } from '../support/prng.js';
import type { Attack, AttackScene } from './attack.js';
import { Judge, MARKS } from './judge.js';
import type { CallTally } from './judge.js';
import { mediaPortOf } from './media-server.js';
import type { CallHost, Moment, Reply, ServerCall, ServerKind } from './media-server.js';
import { Phone } from './phone.js';
import type { Numbers, PhoneModel } from './phone.js';
import { World, type Party } from './world.js';

/** One way, of the media and of the signalling alike: a round trip of 50 ms. */
const ONE_WAY_MS = 25;
const LINE: Link = { delayMs: ONE_WAY_MS, jitterMs: 2, loss: 0, duplication: 0 };
const LEAD_MS = 5000;
const RINGS_MS = [1000, 3000] as const;
const REBINDS_AFTER_MS = 6000;
const ENDS_AFTER_MS = 4000;
const PACKET_MS = 20;
/** A phone takes its time to read a re-INVITE: measured 1 to 15 ms. */
const THINKS_MS = 15;

/** Above the external ports of the phone's NAT. */
const FIRST_ATTACKERS_PORT = 40_000;
const LAST_PORT = 0xffff;
const ANY_PORT_FROM = 1024;

/** Of the homes, and of who attacks from elsewhere: two bytes, and two more for the call. */
const HOMES = '198.18';
const ELSEWHERE = '198.19';

const addressOf = (network: string, number: number): string => `${network}.${number >> 8}.${number & 0xff}`;

export interface CallTerms {
  readonly attack: Attack;
  readonly phone: PhoneModel;
  readonly weOffer: boolean;
}

/** A call by itself. */
export function playCall(
  terms: CallTerms & { readonly server: ServerKind; readonly seed: number },
): CallTally {
  const prng = new Prng(terms.seed);
  const world = new World(terms.server, prng);
  const call = new Call(world, terms, prng);
  world.clock.runTo(call.endsMs);
  return call.tally();
}

export class Call implements CallHost, Party {
  readonly home: string;
  readonly endsMs: number;
  readonly #elsewhere: string;
  readonly #terms: CallTerms;
  readonly #world: World;
  readonly #nat: Nat;
  readonly #phone: Phone;
  readonly #judge: Judge;
  readonly #server: ServerCall;
  readonly #prng: Prng;
  /** Draws of the attacker's do not change what the others do. */
  readonly #attackersPrng: Prng;
  readonly #payload = new Uint8Array(160).fill(MARKS.attacker);
  /** What a member of the room hears in place of the phone's own numbers. */
  readonly #roomShift: Numbers;
  #nextAttackersPort = FIRST_ATTACKERS_PORT;
  #mapping: TransportAddress | undefined;
  #toldPort = 0;
  #tally: CallTally | undefined;

  /** Its attack may begin now. @param number of the call in this world, from 1 */
  constructor(world: World, terms: CallTerms, prng: Prng, number = 1) {
    this.#world = world;
    this.#terms = terms;
    this.home = addressOf(HOMES, number);
    this.#elsewhere = addressOf(ELSEWHERE, number);
    this.#prng = prng.fork();
    this.#attackersPrng = prng.fork();
    this.#judge = new Judge((address) => this.#isAttackers(address), terms.phone.isHolding);
    const mapping = 'address-and-port-dependent';
    const options = { name: `nat ${number}`, address: this.home, link: LINE };
    this.#nat = new Nat(world.internet, { ...options, mapping, filtering: mapping });
    this.#phone = new Phone(terms.phone, MARKS.phone, {
      clock: world.clock,
      home: this.#nat.inside,
      prng: prng.fork(),
      server: world.address,
      handleHeard: () => this.#judge.handleHeard(world.clock.nowMs),
      handleSpoke: () => this.#handleSpoke(),
    });
    this.#roomShift = {
      ssrc: prng.uint32(),
      sequence: prng.integer(0x10000),
      timestamp: prng.uint32(),
    };
    world.join(this, [this.home, this.#elsewhere]);
    this.#server = world.server.openCall(this);
    this.endsMs = this.#begin();
  }

  /** At its end, where that has come: others may go on in its world. */
  tally(): CallTally {
    return this.#tally ?? this.#judge.tally();
  }

  intercepts(destination: TransportAddress): boolean {
    if (!this.#isAttackers(destination)) return false;
    if (this.#terms.attack.position !== 'forged') this.#judge.handleStolen();
    return true;
  }

  handleArrived(source: TransportAddress): void {
    this.#mapping = source;
  }

  deliver(bytes: Uint8Array): void {
    this.#judge.handleDelivered(bytes, this.#world.clock.nowMs);
  }

  note(moment: Moment): void {
    this.#judge.note(moment, this.#world.clock.nowMs);
  }

  reinvite(offer: string, handleReply: (reply: Reply) => void): void {
    const { asked } = this.#phone.model;
    if (asked === 'ignores') return;
    this.#world.clock.after(ONE_WAY_MS + this.#prng.next() * THINKS_MS, () => {
      if (asked === 'moves') this.#phone.talkTo(mediaPortOf(offer));
      const reply: Reply =
        asked === 'moves' ? { kind: 'answered', sdp: this.#phone.description() } : { kind: 'refused' };
      this.#world.clock.after(ONE_WAY_MS, () => handleReply(reply));
    });
  }

  /** The phone rings, and answers; its 2xx confirms the dialog. */
  #callOut(ringsMs: number): void {
    const { clock } = this.#world;
    const offer = this.#server.makeOffer();
    this.#toldPort = mediaPortOf(offer);
    clock.after(ONE_WAY_MS + ringsMs, () => {
      const answer = this.#phone.description();
      this.#phone.talkTo(this.#toldPort);
      this.#phone.begin();
      clock.after(ONE_WAY_MS, () => {
        this.#judge.handleBegun(clock.nowMs);
        this.#server.takeAnswer(answer);
        this.#confirm();
      });
    });
  }

  /** Our 200 goes out; the phone's ACK comes a round trip later. */
  #takeCall(): void {
    const { clock } = this.#world;
    const answer = this.#server.makeAnswer(this.#phone.description());
    this.#toldPort = mediaPortOf(answer);
    this.#judge.handleBegun(clock.nowMs);
    clock.after(ONE_WAY_MS, () => {
      this.#phone.talkTo(this.#toldPort);
      this.#phone.begin();
      clock.after(ONE_WAY_MS, () => this.#confirm());
    });
  }

  #confirm(): void {
    this.#server.confirm();
    const payload = new Uint8Array(160);
    const ssrc = this.#prng.uint32();
    let i = 0;
    this.#world.clock.every(PACKET_MS, () => {
      this.#server.send(makeRtp({ ssrc, sequence: i, timestamp: 160 * i, payload }));
      i++;
    });
  }

  /** When it ends. */
  #begin(): number {
    const { clock } = this.#world;
    const beginsMs = clock.nowMs;
    const toldMs = beginsMs + LEAD_MS;
    const [leastMs, mostMs] = RINGS_MS;
    const ringsMs = leastMs + this.#prng.next() * (mostMs - leastMs);
    const okMs = this.#terms.weOffer ? toldMs + 2 * ONE_WAY_MS + ringsMs : toldMs;
    const rebindsMs = okMs + REBINDS_AFTER_MS;
    this.#terms.attack.begin(this.#scene({ beginsMs, toldMs, rebindsMs }));
    clock.at(toldMs, () => (this.#terms.weOffer ? this.#callOut(ringsMs) : this.#takeCall()));
    clock.at(rebindsMs, () => {
      this.#nat.rebind();
      this.#phone.mark = MARKS.reboundPhone;
      this.#judge.handleRebound(clock.nowMs);
    });
    const endsMs = rebindsMs + ENDS_AFTER_MS;
    clock.at(endsMs, () => (this.#tally = this.#judge.tally()));
    return endsMs;
  }

  #handleSpoke(): void {
    if ((this.#phone.model.speaksAfterMs ?? 0) > 0) this.#judge.handleBegun(this.#world.clock.nowMs);
  }

  /** Forged ones too, which nobody receives at. */
  #isAttackers({ address, port }: TransportAddress): boolean {
    return address === this.#elsewhere || (address === this.home && port >= FIRST_ATTACKERS_PORT);
  }

  #scene(times: Pick<AttackScene, 'beginsMs' | 'toldMs' | 'rebindsMs'>): AttackScene {
    const { clock, range, server } = this.#world;
    const address = this.#terms.attack.position === 'elsewhere' ? this.#elsewhere : this.home;
    const prng = this.#attackersPrng;
    const ownPort = (): number => {
      const port = this.#nextAttackersPort++;
      if (port === LAST_PORT) this.#nextAttackersPort = FIRST_ATTACKERS_PORT;
      return port;
    };
    return {
      ...times,
      ...{ clock, range, prng },
      toldPort: () => this.#toldPort,
      numbers: () => this.#phone.numbers,
      heardNumbers: () => this.#heardNumbers(),
      mapping: () => this.#mapping,
      socket: () => ({ address, port: ownPort() }),
      anySource: () => ({ address, port: ANY_PORT_FROM + prng.integer(LAST_PORT + 1 - ANY_PORT_FROM) }),
      send: (port, numbers, source) => {
        range.noteHit(port);
        server.receive(port, makeRtp({ ...numbers, payload: this.#payload }), source);
      },
    };
  }

  #heardNumbers(): Numbers {
    const own = this.#phone.numbers;
    if (!this.#world.kind.keepsNumbersHome) return own;
    const { ssrc, sequence, timestamp } = this.#roomShift;
    return {
      ssrc,
      sequence: (own.sequence + sequence) & 0xffff,
      timestamp: (own.timestamp + timestamp) >>> 0,
    };
  }
}
