// Two in a room who have no audio codec in common: whoever's description has one that all others take is offered that one by a
// re-INVITE, once; where nobody's has, it is told, once for each pair. Nothing is transcoded here.
import { commonCodec, ECHO_ROOM, isUnheard } from '../room/index.js';
import type { Format, Leg, NegotiatedStream, Rooms } from '../room/index.js';

/** A call that can be offered another codec. */
export interface CodecCall {
  /** In the call's descriptions so far. */
  readonly codecs: readonly Format[];
  /** It may be offered something now; else it is asked for again when it has been answered or acknowledged. */
  readonly isReady: boolean;
  /** Offers this codec alone, and is fulfilled when that has been answered: it may have been refused. */
  reoffer(only: Format): Promise<unknown>;
}

export interface CodecMatchSite {
  readonly rooms: Pick<Rooms, 'legs'>;
  /** Undefined for a participant whose signalling is not ours. */
  callOf(leg: Leg): CodecCall | undefined;
  /** One does not hear the other, or neither the other. */
  onMismatch(leg: Leg, other: Leg): void;
  onFault(error: unknown): void;
}

export class CodecMatch {
  readonly #site: CodecMatchSite;
  /** Codecs that each was offered alone: none is offered twice, so that this ends. */
  readonly #offered = new WeakMap<Leg, Set<string>>();
  readonly #told = new WeakMap<Leg, WeakSet<Leg>>();
  /** Those with an offer of ours under way. */
  readonly #asked = new WeakSet<Leg>();

  constructor(site: CodecMatchSite) {
    this.#site = site;
  }

  /** The participant has come, or has agreed on something new. */
  check(leg: Leg): void {
    const { room } = leg;
    if (room === ECHO_ROOM || audioOf(leg) === undefined) return;
    const all = [...this.#site.rooms.legs].filter((one) => one.room === room);
    if (!all.includes(leg)) return;
    for (const other of all) if (other !== leg) this.#settle(leg, other, all);
  }

  #settle(leg: Leg, other: Leg, all: readonly Leg[]): void {
    const [own, theirs] = [audioOf(leg), audioOf(other)];
    if (!own || !theirs) return;
    const speakers = [...(isUnheard(own, theirs) ? [leg] : []), ...(isUnheard(theirs, own) ? [other] : [])];
    // What is under way may settle it: then everybody is looked at again.
    if (speakers.length === 0 || [leg, other].some((one) => this.#asked.has(one))) return;
    for (const speaker of speakers) {
      const call = this.#site.callOf(speaker);
      if (call && !call.isReady) return;
      if (call && this.#offer(speaker, call, all)) return;
    }
    this.#tell(leg, other);
  }

  /** False where there is nothing to offer. */
  #offer(leg: Leg, call: CodecCall, all: readonly Leg[]): boolean {
    const offered = this.#offered.get(leg) ?? new Set<string>();
    this.#offered.set(leg, offered);
    const listeners = all.flatMap((one) => (one === leg ? [] : (audioOf(one) ?? [])));
    const left = call.codecs.filter(({ codec }) => !offered.has(codec));
    const format = commonCodec(left, listeners);
    if (format === undefined) return false;
    offered.add(format.codec);
    this.#asked.add(leg);
    // Not within the message that is being handled: what answers it goes out first.
    new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => call.reoffer(format))
      .catch((error: unknown) => this.#site.onFault(error))
      .finally(() => {
        this.#asked.delete(leg);
        this.check(leg);
      });
    return true;
  }

  #tell(leg: Leg, other: Leg): void {
    const told = this.#told.get(leg) ?? new WeakSet<Leg>();
    if (told.has(other) || this.#told.get(other)?.has(leg)) return;
    this.#told.set(leg, told.add(other));
    this.#site.onMismatch(leg, other);
  }
}

/** The audio that all in a room hear: the first section of it. */
function audioOf(leg: Leg): NegotiatedStream | undefined {
  return leg.streams.find(({ channel, accepts }) => channel === 'audio' && accepts.length > 0);
}
