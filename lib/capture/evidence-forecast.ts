/*
 * Whom the core would have taken for the peer of each keyless call of a capture, and on what ground (protocol.md 8.3): it stands in the place of
 * both sides, each an engine of its own in virtual time, that is told what the capture's signalling says and fed what arrived at the
 * address that the side had told. It forecasts, and decides nothing by itself. No replay can put a port question: where the core wants
 * one it is told at once that nobody asks, and the forecast says that it would have been put.
 */
import { Engine } from '../core/index.js';
import type { CallHandle, Crypto, EvidenceAgreement, LatchEvent, LockGround, Port } from '../core/index.js';
import type { TransportAddress } from '../wire/address.js';
import { isSameAddress } from '../wire/address.js';
import type { MediaDescription, SeenSip } from './call.js';
import type { Party } from './party.js';
import type { SignalledMedia } from './signalled-media.js';
import { clockRateOf, isTelephoneEvent } from './static-codecs.js';
import type { CapturedDatagram } from './traffic.js';

/** What would have been said of an address that keyless media arrived at. Times in milliseconds since 1970. */
export type EvidenceMoment = { readonly atMs: number; readonly remote?: TransportAddress } & (
  | { readonly type: 'locked'; readonly ground: LockGround }
  /** The locked stream went on from there. */
  | { readonly type: 'rebound' }
  /** `question`: the port question would have been put. */
  | { readonly type: 'contested' | 'conflict' | 'expired' | 'question' }
);

/** Reason: bounded memory; a flood that contests a call makes a moment each second. */
const MOMENTS_MAX = 64;
/** Each is an engine: some ten kilobytes while its call lasts. */
const SIDES_MAX = 8192;
/** Offers that no answer to was captured, and the calls that they belong to. */
const OFFERS_MAX = 8192;

/** One side of one dialog, as the one that looks for the other. */
interface Side {
  readonly callId: string;
  readonly fork: string;
  readonly party: Party;
  readonly engine: Engine;
  readonly call: CallHandle;
  /** By the index of their section. */
  readonly sections: Map<number, Section>;
  nowMs: number;
}

interface Section {
  readonly local: TransportAddress;
  readonly port: Port;
  readonly moments: EvidenceMoment[];
}

interface SeenOffer {
  readonly description: MediaDescription;
  readonly transport: SeenSip['transport'];
}

/** Without keys there is nothing to compute. */
const refuseCrypto = (): never => {
  throw new Error('evidence needs no cryptography');
};
const NO_CRYPTO: Crypto = {
  hmacSha1: refuseCrypto,
  hmacSha256: refuseCrypto,
  sha256: refuseCrypto,
  aes256Block: refuseCrypto,
  equal: refuseCrypto,
};
/** Nothing that is forecast is drawn: names of calls only, which nobody sees. */
const NO_RANDOM = { fill: () => undefined };

export class EvidenceForecast {
  /** By Call-ID and the callee's tag. */
  readonly #offers = new Map<string, SeenOffer>();
  readonly #sides = new Map<string, Side[]>();
  #sideCount = 0;
  /** Where packets are waited for now: by IP address, then by port. */
  readonly #places = new Map<string, Map<number, Side[]>>();

  /** One SIP message, and what it brought if that is a new description. */
  handleSip({ message, timeMs, transport }: SeenSip, description: MediaDescription | undefined): void {
    const { callId } = message;
    if (description?.role === 'offer') this.#noteOffer(callId, { description, transport });
    if (description?.role === 'answer') this.#noteAnswer(callId, { description, transport });
    const sides = this.#sides.get(callId);
    if (!sides) return;
    const { method, status, from, to } = message;
    const isAnswer = method === 'INVITE' && status !== undefined && status >= 200 && status < 300;
    for (const side of sides) {
      const isOfFork = side.fork === to.tag || side.fork === from.tag;
      const isConfirmed = isAnswer ? side.party === 'caller' : method === 'ACK';
      if (isOfFork && isConfirmed && !side.call.isClosed)
        this.#at(side, timeMs, () => side.call.confirm(timeMs));
    }
    if (method === 'BYE' && status === undefined) for (const side of sides) this.#close(side, timeMs);
  }

  /** One datagram that `classifyPacket` calls `rtp`. */
  handleRtp({ payload, source, destination, timeMs }: CapturedDatagram): void {
    const sides = this.#places.get(destination.address)?.get(destination.port);
    if (!sides) return;
    for (const side of sides)
      for (const { local, port } of side.sections.values())
        if (isSameAddress(local, destination))
          this.#at(side, timeMs, () =>
            side.engine.handleDatagram(port, payload, source.address, source.port, side.nowMs, 'rtp'),
          );
  }

  /** When all is read: what is due goes on until then. */
  finish(endMs: number): void {
    for (const sides of this.#sides.values()) for (const side of sides) this.#close(side, endMs);
  }

  /** Of what arrived at the receiver's address; undefined where the call is not keyless, or the receiver had told another address. */
  momentsAt(
    { callId, receiver }: { readonly callId: string; readonly receiver: Party },
    destination: TransportAddress,
  ): readonly EvidenceMoment[] | undefined {
    const own = (this.#sides.get(callId) ?? []).filter(({ party }) => party === receiver);
    const found = own.flatMap(({ sections }) =>
      [...sections.values()].filter(({ local }) => isSameAddress(local, destination)),
    );
    return found.find(({ moments }) => moments.length > 0)?.moments ?? found[0]?.moments;
  }

  #noteOffer(callId: string, offer: SeenOffer): void {
    const key = `${callId} ${offer.description.fork}`;
    if (this.#offers.size < OFFERS_MAX || this.#offers.has(key)) this.#offers.set(key, offer);
  }

  #noteAnswer(callId: string, answer: SeenOffer): void {
    const { fork, atMs } = answer.description;
    const own = this.#offers.get(`${callId} ${fork}`);
    const offer = own ?? this.#offers.get(`${callId} `);
    if (own) this.#offers.delete(`${callId} ${fork}`);
    if (!offer) return;
    for (const [local, remote] of [
      [offer, answer],
      [answer, offer],
    ] as const)
      this.#agree(callId, fork, local, remote, atMs);
  }

  /** What the two descriptions come to for the side of `local`. */
  #agree(callId: string, fork: string, local: SeenOffer, remote: SeenOffer, atMs: number): void {
    const { party, media } = local.description;
    const keyless = media.flatMap((own) => {
      const peer = remote.description.media.find(({ index }) => index === own.index);
      return peer && own.rtp && isKeyless(own, peer) ? [{ own, peer, address: own.rtp }] : [];
    });
    const known = (this.#sides.get(callId) ?? []).find((one) => one.fork === fork && one.party === party);
    if (keyless.length === 0 && !known) return;
    const side = known ?? this.#begin(callId, fork, party, local.description.atMs);
    if (!side || side.call.isClosed) return;
    // Whoever offers has told its port before the answer comes.
    if (!known)
      this.#at(side, local.description.atMs, () => {
        for (const { own, address: place } of keyless) {
          this.#listen(side, own.index, place);
          if (local.description.role === 'offer') side.call.awaitAnswer(own.index, undefined);
        }
      });
    this.#at(side, atMs, () => {
      const { address } = remote.description.sipSource;
      side.call.peer({ address, transport: remote.transport });
      for (const { own, peer, address: place } of keyless) {
        this.#listen(side, own.index, place);
        side.engine.agree(side.call, own.index, agreementOf(own, peer, place), side.nowMs);
      }
    });
  }

  #begin(callId: string, fork: string, party: Party, atMs: number): Side | undefined {
    if (this.#sideCount === SIDES_MAX) return undefined;
    this.#sideCount++;
    const engine = new Engine({}, NO_CRYPTO, NO_RANDOM);
    const call = engine.openCall({ call: callId, signalling: 'clear' });
    const side: Side = { callId, fork, party, engine, call, sections: new Map(), nowMs: atMs };
    const sides = this.#sides.get(callId);
    if (sides) sides.push(side);
    else this.#sides.set(callId, [side]);
    return side;
  }

  #listen(side: Side, index: number, local: TransportAddress): void {
    const before = side.sections.get(index);
    if (before && isSameAddress(before.local, local)) return;
    if (before) {
      this.#unplace(side, before.local);
      side.engine.closePort(before.port, side.nowMs);
    }
    const port = side.engine.openPort(local);
    side.call.component(index, 1).attach(port, side.nowMs);
    side.sections.set(index, { local, port, moments: before?.moments ?? [] });
    let ports = this.#places.get(local.address);
    if (!ports) this.#places.set(local.address, (ports = new Map<number, Side[]>()));
    ports.set(local.port, [...(ports.get(local.port) ?? []), side]);
  }

  #unplace(side: Side, { address, port }: TransportAddress): void {
    const ports = this.#places.get(address);
    const rest = (ports?.get(port) ?? []).filter((one) => one !== side);
    if (rest.length > 0) ports?.set(port, rest);
    else ports?.delete(port);
    if (ports?.size === 0) this.#places.delete(address);
  }

  #close(side: Side, atMs: number): void {
    if (side.call.isClosed) return;
    this.#at(side, atMs, () => side.call.close(side.nowMs));
    for (const { local } of side.sections.values()) this.#unplace(side, local);
  }

  /** The side's time goes on to then, with all that is due before. */
  #at(side: Side, atMs: number, action: () => void): void {
    const { engine } = side;
    for (
      let dueMs = engine.pollTimeout() ?? Infinity;
      dueMs <= atMs;
      dueMs = engine.pollTimeout() ?? Infinity
    ) {
      side.nowMs = Math.max(side.nowMs, dueMs);
      engine.handleTimeout(side.nowMs);
      this.#drain(side);
    }
    side.nowMs = Math.max(side.nowMs, atMs);
    action();
    this.#drain(side);
  }

  #drain(side: Side): void {
    const { engine } = side;
    for (let event = engine.pollEvent(); event; event = engine.pollEvent()) {
      const section = side.sections.get(event.media);
      const moment = momentOf(event, side.nowMs);
      if (section && moment && section.moments.length < MOMENTS_MAX) section.moments.push(moment);
      if (event.type === 'question') side.call.asked('refused', side.nowMs, event.media);
    }
    while (engine.pollTransmit());
    while (engine.pollDelivery());
  }
}

function momentOf(event: LatchEvent, atMs: number): EvidenceMoment | undefined {
  const remote = event.remote && { remote: event.remote };
  switch (event.type) {
    case 'locked':
      return { atMs, type: 'locked', ground: event.ground, ...remote };
    case 'rebound':
    case 'contested':
    case 'conflict':
    case 'expired':
    case 'question':
      return { atMs, type: event.type, ...remote };
    default:
      return undefined;
  }
}

/** Neither latch nor ICE nor SRTP: of what one side alone offers nothing was agreed on. */
function isKeyless(own: SignalledMedia, peer: SignalledMedia): boolean {
  if (/SAVP/i.test(peer.profile)) return false;
  return ![hasLatch, hasIce, hasKeys].some((has) => has(own) && has(peer));
}

const hasLatch = ({ latchTag }: SignalledMedia): boolean => latchTag !== undefined;
const hasIce = ({ ufrag }: SignalledMedia): boolean => ufrag !== undefined;
const hasKeys = ({ keys }: SignalledMedia): boolean => keys.length > 0;

function agreementOf(
  own: SignalledMedia,
  peer: SignalledMedia,
  { address: advertised }: TransportAddress,
): EvidenceAgreement {
  const codecs = [...own.codecs, ...peer.codecs];
  const rates = codecs.flatMap(([type, codec]) => {
    const rate = clockRateOf(codec);
    return rate === undefined ? [] : [[type, rate] as const];
  });
  return {
    kind: 'evidence',
    remote: peer.rtp,
    advertised,
    expectsMedia: peer.direction === 'sendrecv' || peer.direction === 'sendonly',
    isHeld: peer.direction === 'sendonly' || own.direction === 'sendonly' || own.direction === 'inactive',
    payloadTypes: [...own.formats, ...peer.formats].map(Number).filter((type) => type >= 0 && type < 128),
    clockRates: Object.fromEntries(rates),
    eventTypes: codecs.flatMap(([type, codec]) => (isTelephoneEvent(codec) ? [type] : [])),
    ssrcs: peer.ssrcs,
  };
}
