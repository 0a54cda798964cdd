// What attacks achieved, by the packets alone: what reached the attacker that was not meant for it (stolen), and what of the
// attacker's reached a party or its recorder (injected). It asserts nothing.
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { SERVER } from './lab.js';

/** What an attacker program says that it has sent, and when it ran. */
export interface Attack {
  readonly phase: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly shapes: Readonly<Record<string, { readonly sent: number; readonly ports: readonly number[] }>>;
}

export interface Row {
  readonly phase: string;
  readonly shape: string;
  readonly sent: number;
  stolen: number;
  injected: number;
  challenges: number;
}

export interface Captures {
  readonly attacker: readonly CapturedDatagram[];
  readonly server: readonly CapturedDatagram[];
  /** At the parties' own interfaces, and what they recorded. */
  readonly parties: readonly (readonly CapturedDatagram[])[];
}

const MARKED = /attack of the lab: ([a-z-]+);/;
const BINDING_REQUEST = 1;

const text = ({ payload }: CapturedDatagram) => Buffer.from(payload).toString('latin1');
const isTo = (address: string) => (packet: CapturedDatagram) => packet.destination.address === address;
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;

/** The shape that made this datagram; undefined for what no attacker made. */
export function shapeOf(packet: CapturedDatagram): string | undefined {
  const { payload } = packet;
  if (payload.length === 4 && payload[0] === 0x80) return 'odd-ports';
  if (payload.length === 12 && classifyPacket(payload) === 'rtp')
    return Buffer.from(payload).readUInt32BE(8) === 0 ? 'scan' : 'burst';
  return MARKED.exec(text(packet))?.[1];
}

/** Anything else that comes from a verifier to an address that has not proved itself is a failure. */
export function isChallenge({ payload }: CapturedDatagram): boolean {
  return classifyPacket(payload) === 'stun' && Buffer.from(payload).readUInt16BE(0) === BINDING_REQUEST;
}

/**
 * A row for each shape of each attack. What an attacker's own packets brought back to it by way of the server counts as
 * stolen only where `countsOwn`: from us nothing at all may come, of a blind relay only the others' media is interesting.
 */
export function rowsOf(
  attacks: readonly Attack[],
  { attacker, parties }: Captures,
  place: string,
  countsOwn: boolean,
): Row[] {
  const received = attacker.filter(isFrom(SERVER)).filter(isTo(place));
  return attacks.flatMap(({ phase, startMs, endMs, shapes }) => {
    // What is on its way when an attack ends still belongs to it; the next one needs longer to begin.
    const isThen = ({ timeMs }: CapturedDatagram) => timeMs >= startMs && timeMs <= endMs + 50;
    return Object.entries(shapes).map(([shape, { sent, ports }]) => {
      const here = received.filter(({ destination }) => ports.includes(destination.port)).filter(isThen);
      const isStolen = (packet: CapturedDatagram) =>
        !isChallenge(packet) && (countsOwn || shapeOf(packet) === undefined);
      const injected = parties.flatMap((seen) =>
        seen.filter(isFrom(SERVER)).filter((packet) => isThen(packet) && shapeOf(packet) === shape),
      );
      const stolen = here.filter(isStolen).length;
      const challenges = here.filter(isChallenge).length;
      return { phase, shape, sent, stolen, injected: injected.length, challenges };
    });
  });
}

/** RTP and RTCP that came from the server to an address. */
export function mediaAt(seen: readonly CapturedDatagram[], address: string): CapturedDatagram[] {
  const isMedia = ({ payload }: CapturedDatagram) => ['rtp', 'rtcp'].includes(classifyPacket(payload));
  return seen.filter(isFrom(SERVER)).filter(isTo(address)).filter(isMedia);
}

/** All that came from the server's media ports to an address of the attacker's, but for challenges: whatever the socket. */
export function stolenAt(attacker: readonly CapturedDatagram[], place: string): CapturedDatagram[] {
  return attacker
    .filter(isFrom(SERVER))
    .filter(isTo(place))
    .filter((packet) => !isChallenge(packet));
}

const key = (local: CapturedDatagram['source'], remote: CapturedDatagram['source']) =>
  `${local.port} ${remote.address}:${remote.port}`;

/** At the server: what it sent on paths that an attacker has used, and the highest ratio of bytes out to bytes in on them. */
export function towardsAttackers(server: readonly CapturedDatagram[]): {
  paths: number;
  payload: number;
  challenges: number;
  ratio: number;
} {
  const paths = new Map<string, { in: number; out: number }>();
  for (const packet of server.filter(isTo(SERVER))) {
    const name = key(packet.destination, packet.source);
    const path = paths.get(name);
    if (path) path.in += packet.payload.length;
    else if (shapeOf(packet) !== undefined) paths.set(name, { in: packet.payload.length, out: 0 });
  }
  let payload = 0;
  let challenges = 0;
  for (const packet of server.filter(isFrom(SERVER))) {
    const path = paths.get(key(packet.source, packet.destination));
    if (!path) continue;
    path.out += packet.payload.length;
    if (isChallenge(packet)) challenges++;
    else payload++;
  }
  const ratio = Math.max(0, ...[...paths.values()].map((path) => path.out / path.in));
  return { paths: paths.size, payload, challenges, ratio };
}

/** RTP that a party got from the server between two moments. */
export function heard(
  seen: readonly CapturedDatagram[],
  address: string,
  fromMs: number,
  toMs: number,
): number {
  return seen.filter(
    (packet) =>
      isFrom(SERVER)(packet) &&
      isTo(address)(packet) &&
      packet.timeMs >= fromMs &&
      packet.timeMs <= toMs &&
      classifyPacket(packet.payload) === 'rtp' &&
      shapeOf(packet) === undefined,
  ).length;
}

/** RTP that a party had sent to the server before a moment. */
export function spokenBefore(seen: readonly CapturedDatagram[], address: string, beforeMs: number): number {
  return seen.filter(
    (packet) =>
      isFrom(address)(packet) && packet.timeMs < beforeMs && classifyPacket(packet.payload) === 'rtp',
  ).length;
}

/** The longest time between two RTP packets that one socket of a party got from the server, in ms. */
export function longestSilence(seen: readonly CapturedDatagram[], address: string, fromMs: number): number {
  const last = new Map<number, number>();
  let longest = 0;
  for (const packet of seen.filter(isFrom(SERVER)).filter(isTo(address))) {
    if (packet.timeMs < fromMs || classifyPacket(packet.payload) !== 'rtp') continue;
    const { port } = packet.destination;
    longest = Math.max(longest, packet.timeMs - (last.get(port) ?? packet.timeMs));
    last.set(port, packet.timeMs);
  }
  return longest;
}
