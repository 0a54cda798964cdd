// One call of the odds from beginning to end in virtual time: a phone behind a symmetric NAT, a server of the kind on trial, and
// whoever attacks. 5 s before the port is told the attack may begin; 6 s after the 200 the NAT rebinds; 4 s later it is over.
import type { TransportAddress } from '../../lib/wire/address.js';
import { Clock } from '../support/clock.js';
import { makeRtp } from '../support/media.js';
import { Nat } from '../support/nat.js';
import { Network } from '../support/network.js';
import type { Datagram, Link, Node } from '../support/network.js';
import { Prng } from '../support/prng.js';
import type { Attack, AttackScene } from './attack.js';
import { Judge, MARKS } from './judge.js';
import type { CallTally } from './judge.js';
import { mediaPortOf } from './media-server.js';
import type { MediaServer, Reply, ServerHost, ServerKind, Verdict } from './media-server.js';
import { Phone } from './phone.js';
import type { Numbers, PhoneModel } from './phone.js';
import { PortRange } from './port-range.js';

const SERVER = '203.0.113.1';
const HOME = '198.51.100.7';
const ELSEWHERE = '192.0.2.66';

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

export interface CallTerms {
  readonly server: ServerKind;
  readonly attack: Attack;
  readonly phone: PhoneModel;
  readonly weOffer: boolean;
  readonly seed: number;
}

export function playCall(terms: CallTerms): CallTally {
  return new Call(terms).play();
}

class Call implements Node, ServerHost {
  readonly name = 'server';
  readonly address = SERVER;
  readonly home = HOME;
  readonly clock = new Clock();
  readonly prng: Prng;
  readonly range: PortRange;
  readonly #terms: CallTerms;
  readonly #internet: Network;
  readonly #nat: Nat;
  readonly #phone: Phone;
  readonly #judge: Judge;
  readonly #payload = new Uint8Array(160).fill(MARKS.attacker);
  /** Draws of the attacker's do not change what the others do. */
  readonly #attackersPrng: Prng;
  readonly #server: MediaServer;
  /** What a member of the room hears in place of the phone's own numbers. */
  readonly #roomShift: Numbers;
  #nextAttackersPort = FIRST_ATTACKERS_PORT;
  #mapping: TransportAddress | undefined;
  #toldPort = 0;

  constructor(terms: CallTerms) {
    this.#terms = terms;
    this.#judge = new Judge((address) => this.#isAttackers(address), terms.phone.isHolding);
    const prng = new Prng(terms.seed);
    this.prng = prng.fork();
    this.#attackersPrng = prng.fork();
    this.#internet = new Network(this.clock, prng.fork());
    const mapping = 'address-and-port-dependent';
    this.#nat = new Nat(this.#internet, {
      name: 'nat',
      address: HOME,
      mapping,
      filtering: mapping,
      link: LINE,
    });
    this.#internet.attach(SERVER, this, { ...LINE, delayMs: 0, jitterMs: 0 });
    this.range = new PortRange(this.clock, prng.fork(), terms.server);
    this.#phone = new Phone(terms.phone, MARKS.phone, {
      clock: this.clock,
      home: this.#nat.inside,
      prng: prng.fork(),
      server: SERVER,
      handleHeard: () => this.#judge.handleHeard(this.clock.nowMs),
      handleSpoke: () => this.#handleSpoke(),
    });
    this.#roomShift = {
      ssrc: prng.uint32(),
      sequence: prng.integer(0x10000),
      timestamp: prng.uint32(),
    };
    this.#server = terms.server.create(this);
  }

  play(): CallTally {
    const { clock } = this;
    const beginsMs = clock.nowMs;
    const toldMs = beginsMs + LEAD_MS;
    const [leastMs, mostMs] = RINGS_MS;
    const ringsMs = leastMs + this.prng.next() * (mostMs - leastMs);
    const okMs = this.#terms.weOffer ? toldMs + 2 * ONE_WAY_MS + ringsMs : toldMs;
    const rebindsMs = okMs + REBINDS_AFTER_MS;
    this.#terms.attack.begin(this.#scene({ beginsMs, toldMs, rebindsMs }));
    clock.at(toldMs, () => (this.#terms.weOffer ? this.#callOut(ringsMs) : this.#takeCall()));
    clock.at(rebindsMs, () => {
      this.#nat.rebind();
      this.#phone.mark = MARKS.reboundPhone;
      this.#judge.handleRebound(clock.nowMs);
    });
    clock.runTo(rebindsMs + ENDS_AFTER_MS);
    return this.#judge.tally();
  }

  handleDatagram({ source, destination, bytes }: Datagram): void {
    this.#mapping = source;
    this.#server.receive(destination.port, bytes, source);
  }

  transmit(port: number, destination: TransportAddress, bytes: Uint8Array): void {
    const { position } = this.#terms.attack;
    if (this.#isAttackers(destination)) {
      if (position !== 'forged') this.#judge.handleStolen();
      return;
    }
    this.#internet.send({ source: { address: SERVER, port }, destination, bytes, origin: this.name });
  }

  deliver(bytes: Uint8Array): void {
    this.#judge.handleDelivered(bytes, this.clock.nowMs);
  }

  note(verdict: Verdict): void {
    this.#judge.note(verdict);
  }

  reinvite(offer: string, handleReply: (reply: Reply) => void): void {
    const { asked } = this.#phone.model;
    if (asked === 'ignores') return;
    this.clock.after(ONE_WAY_MS + this.prng.next() * THINKS_MS, () => {
      if (asked === 'moves') this.#phone.talkTo(mediaPortOf(offer));
      const reply: Reply =
        asked === 'moves' ? { kind: 'answered', sdp: this.#phone.description() } : { kind: 'refused' };
      this.clock.after(ONE_WAY_MS, () => handleReply(reply));
    });
  }

  /** The phone rings, and answers; its 2xx confirms the dialog. */
  #callOut(ringsMs: number): void {
    const { clock } = this;
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
    const { clock } = this;
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
    const ssrc = this.prng.uint32();
    let i = 0;
    this.clock.every(PACKET_MS, () => {
      this.#server.send(makeRtp({ ssrc, sequence: i, timestamp: 160 * i, payload }));
      i++;
    });
  }

  #handleSpoke(): void {
    if ((this.#phone.model.speaksAfterMs ?? 0) > 0) this.#judge.handleBegun(this.clock.nowMs);
  }

  /** Forged ones too, which nobody receives at. */
  #isAttackers({ address, port }: TransportAddress): boolean {
    return address === ELSEWHERE || (address === HOME && port >= FIRST_ATTACKERS_PORT);
  }

  #scene(times: Pick<AttackScene, 'beginsMs' | 'toldMs' | 'rebindsMs'>): AttackScene {
    const { clock, range } = this;
    const address = this.#terms.attack.position === 'elsewhere' ? ELSEWHERE : HOME;
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
        this.#server.receive(port, makeRtp({ ...numbers, payload: this.#payload }), source);
      },
    };
  }

  #heardNumbers(): Numbers {
    const own = this.#phone.numbers;
    if (!this.#server.keepsNumbersHome) return own;
    const { ssrc, sequence, timestamp } = this.#roomShift;
    return {
      ssrc,
      sequence: (own.sequence + sequence) & 0xffff,
      timestamp: (own.timestamp + timestamp) >>> 0,
    };
  }
}
