// Who heard whom, out of the packets on the wire. What one says is told by its bytes: a packet that was heard is one that was
// said, or it is strange.
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress, readRtpSsrc } from '../../lib/wire/index.js';

/** What one heard of another, between the first packet and the last. */
export interface Hearing {
  readonly packets: number;
  readonly lost: number;
  readonly ssrc: number;
}

export interface Hearings {
  /** `who[to][from]`; nothing where not a packet came. */
  readonly who: Readonly<Record<string, Readonly<Record<string, Hearing>>>>;
  /** RTP packets that nobody else said, for each who heard some. */
  readonly strange: Readonly<Record<string, number>>;
}

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';

/** The marker and the payload type apart: a room translates them. */
function contentOf({ payload }: CapturedDatagram): string {
  return Buffer.from(payload.subarray(2)).toString('latin1');
}

/** @param phones The `address:port` at which the server sees each. */
export function hearingsOf(
  datagrams: readonly CapturedDatagram[],
  phones: Readonly<Record<string, string>>,
): Hearings {
  const said = new Map<string, { by: string; index: number; ssrc: number }>();
  for (const [by, at] of Object.entries(phones)) {
    const own = datagrams.filter((one) => isRtp(one) && formatAddress(one.source) === at);
    own.forEach((one, index) => said.set(contentOf(one), { by, index, ssrc: readRtpSsrc(one.payload) }));
  }
  const who: Record<string, Record<string, Hearing>> = {};
  const strange: Record<string, number> = {};
  for (const [to, at] of Object.entries(phones)) {
    const heard = datagrams.filter((one) => isRtp(one) && formatAddress(one.destination) === at);
    const found = heard.map((one) => said.get(contentOf(one)));
    const own = (who[to] = {} as Record<string, Hearing>);
    for (const from of Object.keys(phones)) {
      const of = found.filter((one) => one?.by === from);
      if (of.length === 0) continue;
      const indices = new Set(of.map((one) => one!.index));
      const lost = Math.max(...indices) - Math.min(...indices) + 1 - indices.size;
      own[from] = { packets: of.length, lost, ssrc: of[0]!.ssrc };
    }
    const unknown = found.filter((one) => one === undefined).length;
    if (unknown > 0) strange[to] = unknown;
  }
  return { who, strange };
}
