// Whoever wants the media: many addresses, every shape of attack seen in the wild, and a memory of everything that
// ever came back. Off the path it knows addresses, ports, SSRCs and sequence numbers at most; with a tap it also
// reads what passes, at the speed of light, but drops nothing. It never has the secret.
import type { TransportAddress } from '../../lib/wire/address.js';
import { isMedia, makeRtp, makeSenderReport } from './media.js';
import type { MediaStream } from './media.js';
import { isStun, makeHello, makeKeepalive, makeTransaction, readMessage } from './oracle.js';
import type { Generation } from './oracle.js';
import type { Datagram, Link, Network, Node } from './network.js';
import type { Prng } from './prng.js';

export interface Catch {
  readonly atMs: number;
  readonly datagram: Datagram;
}

/** What the attacker knows of the call it is after. */
export interface Target {
  readonly rtp: TransportAddress;
  readonly rtcp: TransportAddress;
  /** The caller's stream, as somebody who once read a packet of it would know it. */
  readonly stream: MediaStream;
}

export const attackerLink: Link = { delayMs: 1, jitterMs: 0, loss: 0, duplication: 0 };

export interface AttackerOptions {
  readonly network: Network;
  readonly prng: Prng;
  /** All its addresses; it answers, and listens, on every port of them. */
  readonly addresses: readonly string[];
  readonly link?: Link;
  readonly name?: string;
}

/** `count` addresses that belong to nobody else in these tests. */
export const attackerAddresses = (count: number, isIpv6 = false): string[] =>
  Array.from({ length: count }, (_, i) =>
    isIpv6 ? `2001:db8:66::${(i + 1).toString(16)}` : `192.0.2.${i + 1}`,
  );

export class Attacker implements Node {
  readonly name: string;
  readonly caught: Catch[] = [];
  readonly recorded: Datagram[] = [];
  sent = 0;
  readonly #network: Network;
  readonly #prng: Prng;
  readonly #addresses: readonly string[];
  readonly #link: Link;

  constructor(options: AttackerOptions) {
    this.name = options.name ?? 'attacker';
    this.#network = options.network;
    this.#prng = options.prng;
    this.#addresses = options.addresses;
    this.#link = options.link ?? attackerLink;
    for (const address of options.addresses) options.network.attach(address, this, this.#link);
  }

  handleDatagram(datagram: Datagram): void {
    this.caught.push({ atMs: this.#network.clock.nowMs, datagram });
    this.onCaught?.(datagram);
  }

  onCaught: ((datagram: Datagram) => void) | undefined;

  /** Media of others that reached an address of the attacker's. */
  get stolen(): Catch[] {
    return this.caught.filter(({ datagram }) => datagram.origin !== this.name && isMedia(datagram.bytes));
  }

  /** An address of its own; always the same for the same number. */
  address(index = 0, port = 4000): TransportAddress {
    const address = this.#addresses[index % this.#addresses.length] ?? '';
    return { address, port: 1024 + ((port - 1024 + Math.floor(index / this.#addresses.length)) % 64_000) };
  }

  anyAddress(): TransportAddress {
    return this.address(this.#prng.integer(this.#addresses.length), 1024 + this.#prng.integer(64_000));
  }

  /** `source` may be anybody's: a spoofed one gets no answer. */
  send(bytes: Uint8Array, destination: TransportAddress, source = this.address()): void {
    this.sent++;
    this.#network.send({ source, destination, bytes, origin: this.name }, this.#link);
  }

  /** Sends `make(i)` from `from(i)`, `perSecond` times a second for `forMs`. */
  flood(flood: {
    readonly to: TransportAddress;
    readonly perSecond: number;
    readonly forMs: number;
    readonly make: (i: number) => Uint8Array;
    readonly from?: (i: number) => TransportAddress;
  }): void {
    let i = 0;
    const { clock } = this.#network;
    clock.every(
      1000 / flood.perSecond,
      () => {
        this.send(flood.make(i), flood.to, flood.from?.(i) ?? this.address());
        i++;
      },
      clock.nowMs + flood.forMs,
    );
  }

  /** One socket, even ports in turn, 4 datagrams of 12 bytes a port, 5 to 8 ms apart. */
  scan(host: string, fromPort: number, toPort: number): void {
    let atMs = this.#network.clock.nowMs;
    for (let port = fromPort; port <= toPort; port += 2)
      for (let sequence = 0; sequence < 4; sequence++) {
        const bytes = makeRtp({ ssrc: 0, sequence, timestamp: 0, payload: new Uint8Array(0) });
        bytes[1] = 0x80;
        this.#network.clock.at(atMs, () => this.send(bytes, { address: host, port }));
        atMs += 5 + this.#prng.integer(4);
      }
  }

  /** Odd ports, 1 ms apart, 4 bytes: too short for RTCP. */
  scanOddPorts(host: string, fromPort: number, toPort: number): void {
    const bytes = Uint8Array.of(0x80, 0, 0, 0);
    for (let port = fromPort | 1, i = 0; port <= toPort; port += 2, i++)
      this.#network.clock.after(i, () => this.send(bytes, { address: host, port }));
  }

  /** One identical 172-byte packet, over and over. */
  spray(to: TransportAddress, forMs: number, perSecond = 100): void {
    const bytes = makeRtp({ ssrc: 0x0badcafe, sequence: 1, timestamp: 160 });
    this.flood({ to, perSecond, forMs, make: () => bytes });
  }

  /** 8 twelve-byte packets from a fresh port: anything that comes back is a failure. */
  burst(to: TransportAddress): void {
    const source = this.anyAddress();
    for (let sequence = 0; sequence < 8; sequence++) {
      const bytes = makeRtp({ ssrc: 0, sequence, timestamp: 0, payload: new Uint8Array(0) });
      this.#network.clock.after(sequence, () => this.send(bytes, to, source));
    }
  }

  /** The beginning of a DTLS 1.2 ClientHello, from a third address. */
  clientHello(to: TransportAddress): void {
    const bytes = new Uint8Array(100);
    bytes.set([
      22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 87, 1, 0, 0, 75, 0, 0, 0, 0, 0, 0, 0, 75, 0xfe, 0xfd,
    ]);
    this.send(bytes, to, this.anyAddress());
  }

  /** 100 packets of SRTP whose tag cannot be right. */
  badSrtp(to: TransportAddress): void {
    const source = this.anyAddress();
    for (let sequence = 0; sequence < 100; sequence++) {
      const payload = this.#prng.bytes(170);
      this.send(makeRtp({ ssrc: 7, sequence, timestamp: 160 * sequence, payload }), to, source);
    }
  }

  /** The right SSRC and the next sequence numbers, always a little ahead of the caller's own. */
  follow(target: Target, forMs: number, perSecond = 100): void {
    const { stream } = target;
    this.flood({
      to: target.rtp,
      perSecond,
      forMs,
      make: () =>
        makeRtp({ ssrc: stream.ssrc, sequence: stream.sequence + 1, timestamp: stream.timestamp + 160 }),
    });
  }

  /** The right SSRC in sender reports from the wrong address, to either port. */
  reports(target: Target, forMs: number, perSecond = 20): void {
    const { clock } = this.#network;
    for (const to of [target.rtp, target.rtcp])
      this.flood({
        to,
        perSecond,
        forMs,
        make: () => makeSenderReport(target.stream.ssrc, clock.nowMs, target.stream.sent),
      });
  }

  /** Well-formed hellos with tags, keys and words that nobody has, each from another address. */
  floodHellos(to: TransportAddress, forMs: number, perSecond: number): void {
    const g = this.#imaginedGeneration();
    this.flood({
      to,
      perSecond,
      forMs,
      make: (i) => makeHello(g, 1, makeTransaction(i, this.#prng.bytes(8))),
      from: (i) => this.address(i, 2000),
    });
  }

  /** Hellos and keepalives with the right pair of tags, read off the wire, and a key that is a guess. */
  guess(to: TransportAddress, tags: Pick<Generation, 'verifierTag' | 'proverTag'>, count: number): void {
    for (let i = 0; i < count; i++) {
      const g = { ...this.#imaginedGeneration(), ...tags };
      const transaction = makeTransaction(0xff00_0000 + i, this.#prng.bytes(8));
      const bytes = i % 2 === 0 ? makeHello(g, 1, transaction) : makeKeepalive(g, transaction);
      this.send(bytes, to, this.anyAddress());
    }
  }

  #imaginedGeneration(): Generation {
    return {
      verifierTag: Buffer.from(this.#prng.bytes(8)).toString('hex').slice(0, 12),
      proverTag: Buffer.from(this.#prng.bytes(8)).toString('hex').slice(0, 12),
      word: Buffer.from(this.#prng.bytes(16)),
      integrity: Buffer.from(this.#prng.bytes(32)),
      proof: Buffer.from(this.#prng.bytes(32)),
      suite: 'HMAC-SHA-256',
    };
  }

  /** Reads everything that others send in `network` from now on. Returns how to stop. */
  read(network = this.#network): () => void {
    const tap = (datagram: Datagram): void => {
      if (datagram.origin !== this.name) this.recorded.push(datagram);
    };
    network.taps.add(tap);
    return () => network.taps.delete(tap);
  }

  /** Everything recorded that went to `to`, once more, from `source`; media too unless told otherwise. */
  replay(
    to: TransportAddress,
    source?: TransportAddress,
    filter: (bytes: Uint8Array) => boolean = () => true,
  ): number {
    const again = this.recorded.filter(
      ({ destination, bytes }) =>
        destination.address === to.address && destination.port === to.port && filter(bytes),
    );
    for (const { bytes } of again) this.send(bytes, to, source ?? this.anyAddress());
    return again.length;
  }

  /** A copy of every packet of `victim` to the server, from an address of its own, there first. */
  race(
    victim: string,
    server: string,
    source = this.address(0, 6000),
    via: Link = { ...this.#link, delayMs: 0 },
  ): () => void {
    const tap = (datagram: Datagram): void => {
      if (datagram.origin !== victim || datagram.destination.address !== server) return;
      this.sent++;
      this.#network.send(
        { source, destination: datagram.destination, bytes: datagram.bytes, origin: this.name },
        via,
      );
    };
    this.#network.taps.add(tap);
    return () => this.#network.taps.delete(tap);
  }

  /**
   * The strongest attacker that cannot drop: it races every packet, and carries each challenge that reaches it on
   * to the victim as if it came from the server, to read the answer off the wire and race that too.
   */
  relay(
    victim: string,
    server: string,
    victimAt: (port: number) => TransportAddress | undefined,
  ): () => void {
    const stopRacing = this.race(victim, server);
    this.onCaught = (datagram) => {
      if (!isStun(datagram.bytes) || readMessage(datagram.bytes)?.kind !== 'challenge') return;
      const destination = victimAt(datagram.source.port);
      if (destination !== undefined) this.send(datagram.bytes, destination, datagram.source);
    };
    return () => {
      stopRacing();
      this.onCaught = undefined;
    };
  }
}

/** Every attack without a tap, by name, against a call in progress. */
export const attacks: Record<string, (attacker: Attacker, target: Target, forMs: number) => void> = {
  scan: (attacker, { rtp }) => attacker.scan(rtp.address, rtp.port & ~1, rtp.port + 20),
  'scan of odd ports': (attacker, { rtp }) => attacker.scanOddPorts(rtp.address, rtp.port, rtp.port + 20),
  spray: (attacker, { rtp }, forMs) => attacker.spray(rtp, forMs),
  burst: (attacker, { rtp }) => attacker.burst(rtp),
  'client hello': (attacker, { rtp }) => attacker.clientHello(rtp),
  'bad SRTP': (attacker, { rtp }) => attacker.badSrtp(rtp),
  'right SSRC, next sequence': (attacker, target, forMs) => attacker.follow(target, forMs),
  'wrong RTCP': (attacker, target, forMs) => attacker.reports(target, forMs),
  'hello flood': (attacker, { rtp }, forMs) => attacker.floodHellos(rtp, forMs, 200),
};
