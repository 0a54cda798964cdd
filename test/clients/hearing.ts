// Who heard whom, out of the packets on the wire. What one says is told by its bytes: a packet that was heard is one that was
// said, or it is strange.
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress, readRtpSsrc } from '../../lib/wire/index.js';

/** What one heard of another, between the first packet and the last. */
export interface Hearing {
  readonly packets: number;
  readonly lost: number;
  readonly ssrc: number;
  /**
   * The longest time without a packet of the other, in milliseconds, less what the other let pass itself where that was more than the
   * 20 ms of a packet: it is about the way and what lies on it, and not about who speaks.
   */
  readonly stoppedMs: number;
}

export interface Hearings {
  /** `who[to][from]`; nothing where not a packet came. */
  readonly who: Readonly<Record<string, Readonly<Record<string, Hearing>>>>;
  /** RTP packets that nobody else said, for each who heard some. */
  readonly strange: Readonly<Record<string, number>>;
}

/** Of speech, as all of these phones send it. */
const PACKET_MS = 20;

interface Said {
  readonly by: string;
  readonly content: string;
  /** The how manieth it is. */
  readonly index: number;
  readonly ssrc: number;
  /** Until the next one. */
  readonly stepMs: number;
}

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';

/** The marker and the payload type apart: a room translates them. */
function contentOf({ payload }: CapturedDatagram): string {
  return Buffer.from(payload.subarray(2)).toString('latin1');
}

/** Sequence number, timestamp and SSRC: SRTP leaves them in clear. */
function numbersOf({ payload }: CapturedDatagram): string {
  return Buffer.from(payload.subarray(2, 12)).toString('latin1');
}

/**
 * @param datagrams As they went over one wire, or as each of the phones sent and received them, one capture after the other.
 * @param phones The `address:port` of each on that wire.
 * @param encrypted Those of them with SRTP: what they say and hear is told by its numbers alone.
 */
export function hearingsOf(
  datagrams: readonly CapturedDatagram[],
  phones: Readonly<Record<string, string>>,
  encrypted: readonly string[] = [],
): Hearings {
  const said = new Map<string, Said>();
  for (const [by, at] of Object.entries(phones)) {
    const own = datagrams.filter((one) => isRtp(one) && formatAddress(one.source) === at);
    for (const [index, one] of own.entries()) {
      const stepMs = (own[index + 1]?.timeMs ?? Infinity) - one.timeMs;
      said.set(numbersOf(one), {
        by,
        content: contentOf(one),
        index,
        ssrc: readRtpSsrc(one.payload),
        stepMs,
      });
    }
  }
  const saidAs = (one: CapturedDatagram, to: string): Said | undefined => {
    const found = said.get(numbersOf(one));
    const isSame =
      found && (found.content === contentOf(one) || [found.by, to].some((name) => encrypted.includes(name)));
    return isSame ? found : undefined;
  };
  const who: Record<string, Record<string, Hearing>> = {};
  const strange: Record<string, number> = {};
  for (const [to, at] of Object.entries(phones)) {
    const heard = datagrams.filter((one) => isRtp(one) && formatAddress(one.destination) === at);
    const found = heard.map((one) => ({ said: saidAs(one, to), timeMs: one.timeMs }));
    const own = (who[to] = {} as Record<string, Hearing>);
    for (const from of Object.keys(phones)) {
      const of = found.flatMap(({ said, timeMs }) => (said?.by === from ? [{ ...said, timeMs }] : []));
      if (of.length === 0) continue;
      const indices = new Set(of.map(({ index }) => index));
      const lost = Math.max(...indices) - Math.min(...indices) + 1 - indices.size;
      const stops = of
        .slice(1)
        .map(({ timeMs }, i) => timeMs - of[i]!.timeMs - Math.max(0, of[i]!.stepMs - PACKET_MS));
      own[from] = { packets: of.length, lost, ssrc: of[0]!.ssrc, stoppedMs: Math.max(0, ...stops) };
    }
    const unknown = found.filter(({ said }) => said === undefined).length;
    if (unknown > 0) strange[to] = unknown;
  }
  return { who, strange };
}
