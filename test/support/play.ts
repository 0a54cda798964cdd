// A call under random operations: the time passes, the client talks, NATs rebind, attackers and traitors do what they
// can, packets are lost, descriptions are exchanged again, calls end and begin. Every operation draws from a generator
// of its own, so that a sequence may be shortened without changing what is left of it.
import { Bystander } from './bystander.js';
import { Attacker, attackerAddresses } from './attacker.js';
import type { Target } from './attacker.js';
import { Clock } from './clock.js';
import { EngineHost } from './engine-host.js';
import { Ledger } from './ledger.js';
import { isMedia, makeRtp, makeSenderReport } from './media.js';
import { Nat, behaviours } from './nat.js';
import { Network, cleanLink, instantLink, roughLink } from './network.js';
import type { Datagram, Link } from './network.js';
import {
  isStun,
  makeHello,
  makeKeepalive,
  makeResponse,
  makeTransaction,
  readMessage,
  suites,
} from './oracle.js';
import { Pair } from './pair.js';
import { Prng } from './prng.js';
import type { EngineOptions, Policy, Port } from '../../lib/core/index.js';

export interface PlayOptions {
  readonly callers: number;
  /** All calls on one port of the server's. */
  readonly isShared?: boolean;
  readonly policy?: Policy;
}

const deadLink: Link = { delayMs: 0, jitterMs: 0, loss: 1, duplication: 0 };
const victimAt = { address: '192.0.2.200', port: 7000 };
/** Whatever was recorded longer ago is forgotten: an attacker's disk is large, a test is short. */
const maxRecorded = 60;

/** One caller, its host, and its call of the moment. */
interface Cast {
  readonly host: EngineHost;
  readonly home: Network;
  readonly nat: Nat;
  pair: Pair;
  isOpen: boolean;
  port: number;
}

export class Play {
  readonly prng: Prng;
  readonly clock: Clock;
  readonly internet: Network;
  readonly server: EngineHost;
  readonly attacker: Attacker;
  readonly victim: Bystander;
  readonly casts: Cast[] = [];
  readonly pairs: Pair[] = [];
  readonly ledger: Ledger;
  readonly options: PlayOptions;
  /** Sessions whose lesser protection was announced. */
  readonly downgraded = new Set<string>();
  isTraitorous = false;
  #stopRace: (() => void) | undefined;
  #shared: Port | undefined;
  #nextServerPort = 40_000;
  #nextAddress = 1;
  readonly #fresh: Datagram[] = [];

  constructor(seed: number, options: PlayOptions) {
    this.options = options;
    this.prng = new Prng(seed);
    const { prng } = this;
    this.clock = new Clock(prng.integer(1_000_000));
    this.internet = new Network(this.clock, prng.fork());
    const engine: Partial<EngineOptions> = {
      suites: [prng.pick(suites)],
      ...(options.policy === undefined ? {} : { policy: options.policy }),
    };
    const { internet } = this;
    this.server = new EngineHost({
      name: 'server',
      network: internet,
      address: '203.0.113.1',
      prng: prng.fork(),
      link: cleanLink,
      engine,
    });
    this.attacker = new Attacker({ network: internet, prng: prng.fork(), addresses: attackerAddresses(12) });
    this.victim = new Bystander(internet, victimAt, 'victim');
    this.ledger = new Ledger(this.server, this.pairs);
    this.ledger.addSignalled(victimAt);
    this.ledger.addSignalled({ ...victimAt, port: victimAt.port + 1 });
    this.server.observers.push({
      onEvent: (event) => {
        if (event.type === 'downgraded') this.downgraded.add(event.session);
      },
    });
    this.ledger.isPortReused = true;
    if (options.isShared === true) this.#shared = this.server.openPort(39_000);
    let nat: Nat | undefined;
    for (let i = 0; i < options.callers; i++) {
      // Every other caller sits behind a NAT of its own, with the private address of the one before.
      if (nat === undefined || i % 2 === 0)
        nat = new Nat(internet, {
          name: `nat-${i}`,
          address: `198.51.100.${i + 1}`,
          mapping: prng.pick(behaviours),
          filtering: prng.pick(behaviours),
          timeoutMs: prng.pick([10_000, 30_000, 120_000]),
          ...(prng.chance(0.5) ? { poolSize: 3 + prng.integer(6) } : {}),
        });
      const host = new EngineHost({
        name: `caller-${i}`,
        network: nat.inside,
        address: `10.0.0.${2 + (i % 2)}`,
        prng: prng.fork(),
        link: prng.chance(0.5) ? instantLink : roughLink,
        engine,
      });
      this.ledger.addSignalled({ address: host.address, port: 5004 });
      const cast: Cast = {
        host,
        home: nat.inside,
        nat,
        port: 5004,
        isOpen: true,
        pair: this.#createPair(host, 5004),
      };
      this.casts.push(cast);
      cast.pair.negotiate();
    }
    internet.taps.add((datagram) => {
      if (datagram.origin === this.attacker.name) return;
      this.attacker.recorded.push(datagram);
      if (this.attacker.recorded.length > maxRecorded) this.attacker.recorded.shift();
      this.#fresh.push(datagram);
      if (this.#fresh.length > maxRecorded) this.#fresh.shift();
    });
    // Half of the sequences begin with calls that are up, the others with calls that are coming up.
    if (prng.chance(0.5)) this.clock.runFor(200);
  }

  /** What an operation may do with the call that it is about. */
  run(operation: Operation): void {
    const prng = new Prng(operation.seed);
    const cast = prng.pick(this.casts);
    operations[operation.name](this, cast, prng);
    for (const { host } of [...this.casts, { host: this.server }]) host.drain();
  }

  target(cast: Cast): Target {
    const rtp = cast.pair.serverAddress(1);
    return {
      rtp,
      rtcp: cast.pair.isMuxed ? rtp : cast.pair.serverAddress(2),
      stream: cast.pair.caller.stream,
    };
  }

  /** What must never be, as text; undefined while all is well. */
  get violation(): string | undefined {
    const [first] = this.ledger.violations;
    if (first !== undefined) return `${first.property}: ${first.text}`;
    const [stolen] = this.attacker.stolen;
    if (stolen !== undefined) return `P1: ${stolen.datagram.destination.address} caught media`;
    if (this.victim.heard.some(({ bytes }) => isMedia(bytes))) return 'P4: the victim was sent media';
    for (const pair of this.pairs)
      for (const { datagram } of pair.caller.heard)
        if (datagram.origin !== 'server')
          return `P1: ${pair.name}: the caller was handed a packet of ${datagram.origin}`;
    return undefined;
  }

  hangUp(cast: Cast): void {
    if (!cast.isOpen) return;
    cast.isOpen = false;
    const { id } = cast.pair.server.session;
    cast.pair.close('server');
    this.ledger.markClosed(id);
    cast.pair.close('caller');
  }

  callAgain(cast: Cast): void {
    this.hangUp(cast);
    // The same server port half of the time: late packets of the call before must not disturb the new one.
    cast.port += 2;
    this.ledger.addSignalled({ address: cast.host.address, port: cast.port });
    cast.pair = this.#createPair(cast.host, cast.port, cast.pair.server.ports);
    cast.isOpen = true;
    cast.pair.negotiate();
  }

  /** A global address that nobody has had. */
  freshAddress(): string {
    const number = this.#nextAddress++;
    return `198.18.${number >> 8}.${number & 255}`;
  }

  setRace(isOn: boolean, victim: string): void {
    this.#stopRace?.();
    this.#stopRace = isOn ? this.attacker.race(victim, this.server.address) : undefined;
  }

  /** Challenges that have gone to anybody but the callers' own addresses are secret to the traitor as well. */
  seenChallenges(): Datagram[] {
    return this.#fresh.filter(
      ({ origin, destination }) => origin === 'server' && destination.address !== victimAt.address,
    );
  }

  #createPair(host: EngineHost, callerPort: number, former?: readonly Port[]): Pair {
    const { prng } = this;
    const reused = former !== undefined && prng.chance(0.5) ? former : undefined;
    const serverPorts = this.#shared !== undefined ? [this.#shared] : (reused ?? this.#openPorts());
    const isMuxed = serverPorts.length === 1;
    const pair = new Pair({
      caller: host,
      server: this.server,
      prng: prng.fork(),
      name: `call-${this.pairs.length}`,
      callerPort,
      isMuxed,
      serverPorts,
      offerer: prng.chance(0.5) ? 'caller' : 'server',
    });
    this.pairs.push(pair);
    return pair;
  }

  #openPorts(): Port[] {
    const port = this.#nextServerPort;
    this.#nextServerPort += 2;
    const first = this.server.openPort(port);
    return this.prng.chance(0.6) ? [first] : [first, this.server.openPort(port + 1)];
  }
}

const passing = [1, 5, 20, 60, 150, 400, 1200, 3000];

/** What can happen, by name. Each takes what it needs from `prng` and from nowhere else. */
export const operations = {
  pass: (play, _cast, prng) => play.clock.runFor(prng.pick(passing)),
  wait: (play, _cast, prng) => play.clock.runFor(prng.pick([6000, 12_000, 35_000])),
  talk: (play, cast, prng) => {
    if (!cast.isOpen) return;
    for (let i = 1 + prng.integer(3); i > 0; i--) {
      cast.pair.sendRtp('caller');
      cast.pair.sendRtp('server');
      if (prng.chance(0.5)) cast.pair.sendRtcp('caller');
      if (prng.chance(0.5)) cast.pair.sendRtcp('server');
      play.clock.runFor(20);
    }
  },
  rebind: (_play, cast) => cast.nat.rebind(),
  renumber: (play, cast, prng) => cast.nat.renumber(play.freshAddress(), prng.chance(0.5)),
  line: (_play, cast, prng) =>
    cast.home.setLink(cast.host.address, prng.pick([instantLink, cleanLink, roughLink, roughLink, deadLink])),
  reoffer: (_play, cast, prng) => {
    if (cast.isOpen) cast.pair.negotiate({ offerer: prng.pick(['caller', 'server']) });
  },
  hold: (_play, cast, prng) => {
    if (cast.isOpen)
      cast.pair.negotiate({ direction: prng.pick(['sendrecv', 'sendonly', 'recvonly', 'inactive']) });
  },
  renew: (play, cast, prng) => {
    if (cast.isOpen) cast.pair.renewCaller(prng.chance(0.5) ? { delayMs: 20 } : {});
    play.clock.runFor(50);
  },
  'failed reoffer': (play, cast) => {
    if (!cast.isOpen) return;
    const offer = cast.pair.describe('caller');
    cast.pair.server.session.setRemote(offer, play.clock.nowMs, 'offer');
    cast.pair.server.session.rollback();
  },
  close: (play, cast) => play.hangUp(cast),
  'call again': (play, cast) => play.callAgain(cast),
  spray: (play, cast, prng) => {
    const { rtp, rtcp } = play.target(cast);
    for (let i = 0; i < 6; i++) {
      const payload = new Uint8Array(prng.pick([0, 4, 160]));
      play.attacker.send(
        makeRtp({ ssrc: prng.uint32(), sequence: i, timestamp: 0, payload }),
        prng.pick([rtp, rtcp]),
        play.attacker.address(prng.integer(24)),
      );
    }
  },
  follow: (play, cast, prng) => {
    const { rtp, rtcp, stream } = play.target(cast);
    for (let i = 0; i < 4; i++) {
      const source = play.attacker.address(prng.integer(24), 5000);
      const { ssrc, sequence, timestamp } = stream;
      play.attacker.send(
        makeRtp({ ssrc, sequence: sequence + i, timestamp }),
        prng.pick([rtp, rtcp]),
        source,
      );
      play.attacker.send(makeSenderReport(ssrc, play.clock.nowMs, i), prng.pick([rtp, rtcp]), source);
    }
  },
  junk: (play, cast, prng) => {
    const { rtp } = play.target(cast);
    play.attacker.burst(rtp);
    play.attacker.clientHello(rtp);
    for (let i = 0; i < 5; i++)
      play.attacker.send(prng.bytes(prng.integer(200)), rtp, play.attacker.address(i));
  },
  guess: (play, cast, prng) => {
    const { generations } = cast.pair;
    if (generations.length > 0) play.attacker.guess(play.target(cast).rtp, prng.pick(generations), 4);
  },
  flood: (play, cast) => play.attacker.floodHellos(play.target(cast).rtp, 40, 250),
  replay: (play, _cast, prng) => {
    const { attacker } = play;
    const onlyStun = prng.chance(0.5);
    const source = prng.chance(0.5) ? attacker.address(prng.integer(24)) : undefined;
    for (const { destination, bytes, origin } of [...attacker.recorded])
      if (origin !== 'server' && (!onlyStun || isStun(bytes)))
        attacker.send(bytes, destination, source ?? attacker.anyAddress());
  },
  race: (play, cast, prng) => play.setRace(prng.chance(0.7), cast.host.name),
  'attack the caller': (play, cast, prng) => {
    const { stream } = cast.pair.server;
    for (const mapped of cast.nat.mappingsOf({ address: cast.host.address, port: cast.port }))
      for (let i = 0; i < 3; i++) {
        const { ssrc, sequence, timestamp } = stream;
        play.attacker.send(
          makeRtp({ ssrc, sequence: sequence + i, timestamp }),
          mapped,
          play.attacker.address(i, 40_000),
        );
        play.attacker.send(prng.bytes(60), mapped);
      }
  },
  spoof: (play, cast, prng) => {
    const { rtp, rtcp, stream } = play.target(cast);
    for (let i = 1 + prng.integer(4); i > 0; i--) {
      const payload = new Uint8Array(prng.pick([0, 10, 60, 160]));
      const ssrc = prng.chance(0.5) ? stream.ssrc : prng.uint32();
      play.attacker.send(
        makeRtp({ ssrc, sequence: i, timestamp: 0, payload }),
        prng.pick([rtp, rtcp]),
        victimAt,
      );
    }
    for (const { destination, bytes, origin } of [...play.attacker.recorded])
      if (origin !== 'server' && isStun(bytes) && prng.chance(0.3))
        play.attacker.send(bytes, destination, victimAt);
  },
  betray: (play, cast, prng) => {
    const { generations, server } = cast.pair;
    const g = generations.at(-1);
    if (g === undefined) return;
    const { local } = server.ports[0] as Port;
    const say = (bytes: Uint8Array): void => play.attacker.send(bytes, local, victimAt);
    const counter = 0x10000 + prng.integer(0x10000);
    say(makeHello(g, 1, makeTransaction(counter, prng.bytes(8))));
    say(makeKeepalive(g, makeTransaction(counter + 1, prng.bytes(8))));
    for (const { bytes } of play.seenChallenges()) {
      const message = readMessage(bytes);
      if (message?.kind !== 'challenge' || message.word === undefined) continue;
      const { transaction, word } = message;
      say(makeResponse(g, prng.pick([1, 2]), { transaction, word }, local));
    }
  },
  lie: (_play, cast, prng) => {
    if (!cast.isOpen) return;
    const { address, port } = victimAt;
    cast.pair.callerChange = prng.chance(0.6) ? { address, port, rtcpPort: port + 1 } : {};
    cast.pair.negotiate({ offerer: 'caller' });
  },
  strip: (play, cast) => {
    if (!cast.isOpen) return;
    const { session } = cast.pair.server;
    const verdict = session.setRemote(cast.pair.describe('caller'), play.clock.nowMs, 'offer');
    if (verdict.accepted) session.setLocal(cast.pair.describe('server'), play.clock.nowMs, 'answer');
  },
} satisfies Record<string, (play: Play, cast: Cast, prng: Prng) => void>;

export type OperationName = keyof typeof operations;

export interface Operation {
  readonly name: OperationName;
  readonly seed: number;
}
