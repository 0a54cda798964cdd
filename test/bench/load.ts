// What is put on a forwarder: who is in which room, who speaks, and how fast. Peers are told apart by their ports, all at one
// address of loopback that nobody else uses, so that 10,000 of them are in nobody's way.

/** Of this process and those that it starts: tests and another benchmark may run at the same time. */
const NETWORK =
  (process.env.LATCHKEY_BENCH_NETWORK ??= `127.${64 + ((process.pid >> 8) & 127)}.${process.pid & 255}`);

export const PEERS_ADDRESS = `${NETWORK}.1`;
export const SERVER_ADDRESS = `${NETWORK}.2`;
/** Whoever sends from here is in no call. */
export const STRANGER_ADDRESS = `${NETWORK}.3`;
/** Below those that Linux gives to whoever asks for any. */
const FIRST_PORT = 20_000;
export const SSRC_FIRST = 0x1000_0000;
/** A second of each speaker: packets of 20 ms. */
export const PACED = 50;

export interface Load {
  readonly rooms: number;
  /** In each room; those who speak come first. */
  readonly peers: number;
  readonly speakers: number;
  /** In so many rooms, the first ones, they do; in the others nobody says a word. All, unless set. */
  readonly talking?: number;
  /** Of a packet as its speaker sends it, without the headers of IP and UDP. */
  readonly bytes: number;
  /** Packets a second of each speaker; 0: flat out. */
  readonly rate: number;
  /** In and out, with a key of its own for each peer. */
  readonly isSrtp?: boolean;
  /** Of rooms in Node: a port for each peer, in place of one for all. */
  readonly isPortEach?: boolean;
  /** Of those in Node: memory is looked at when half of the peers are there, too. It collects garbage then. */
  readonly weighsHalf?: boolean;
  /** Forged packets a second besides, all at the port of the first call. */
  readonly flood?: number;
}

export function calls(count: number, more: Partial<Load> = {}): Load {
  return { rooms: count, peers: 2, speakers: 2, bytes: 172, rate: 0, ...more };
}

export function fanOut(listeners: number, rooms: number): Load {
  return { rooms, peers: listeners + 1, speakers: 1, bytes: 172, rate: 0 };
}

export function peerCount({ rooms, peers }: Load): number {
  return rooms * peers;
}

export function portOf(peer: number): number {
  return FIRST_PORT + peer;
}

/** The peers of each room, by their number among all. */
export function roomsOf({ rooms, peers }: Load): number[][] {
  return Array.from({ length: rooms }, (_, room) =>
    Array.from({ length: peers }, (_, i) => room * peers + i),
  );
}

/** The peers who speak, in the order in which they do. */
export function speakersOf(load: Load): number[] {
  return roomsOf(load).flatMap((room) => room.slice(0, load.speakers));
}

/** By the port that a packet comes from, the ports that it goes to. */
export function routesOf(load: Load): Map<number, number[]> {
  return new Map(
    roomsOf(load).flatMap((room) =>
      room
        .slice(0, load.speakers)
        .map((speaker) => [portOf(speaker), room.filter((peer) => peer !== speaker).map(portOf)] as const),
    ),
  );
}
