// Who wants the media of a call, and how. An attack knows the address of the server and its range; what else it knows, it says. It
// sees nothing of the call but what it is told here, and stays until the call ends.
import type { TransportAddress } from '../../lib/wire/address.js';
import type { Clock, Task } from '../support/clock.js';
import type { Prng } from '../support/prng.js';
import type { Numbers } from './phone.js';
import { indexOf, type PortRange } from './port-range.js';
import { nextVisit, type Sweep } from './sweep.js';

/**
 * `elsewhere`: an address of its own. `neighbour`: another port of the phone's public address. `forged`: it writes that address as its
 * source, and gets nothing that is sent there.
 */
export type Position = 'elsewhere' | 'neighbour' | 'forged';

/** When it begins: 5 s before the port is told, within 20 ms of that moment, or up to 2 s after it. */
export type Start = 'before' | 'told' | 'after';

export interface AttackScene {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly range: PortRange;
  /** The port that the phone was told first. */
  toldPort(): number;
  /** The earliest that it may begin. */
  readonly beginsMs: number;
  readonly toldMs: number;
  /** When the phone's NAT rebinds. */
  readonly rebindsMs: number;
  /** What the phone would send next. */
  numbers(): Numbers;
  /** The same, as a member of the room hears it. */
  heardNumbers(): Numbers;
  /** The phone as the server sees it; undefined before its first packet. */
  mapping(): TransportAddress | undefined;
  /** A source that nobody has used before. */
  socket(): TransportAddress;
  /** Any port of the address that it sends from. */
  anySource(): TransportAddress;
  /** Arrives at the server now. */
  send(port: number, numbers: Numbers, source: TransportAddress): void;
}

export interface Attack {
  readonly name: string;
  readonly position: Position;
  begin(scene: AttackScene): void;
}

interface Shape {
  readonly position: Position;
  readonly start: Start;
}

const PACKET_MS = 20;
/** So soon a suspect's next packet to a canary says nothing new (protocol.md 8.3.2: 60 s). */
const CANARY_REPEAT_MS = 20_000;

const fresh = (prng: Prng): Numbers => ({
  ssrc: prng.uint32(),
  sequence: prng.integer(0x8000),
  timestamp: prng.integer(0x8000_0000),
});

const later = ({ ssrc, sequence, timestamp }: Numbers, packets: number): Numbers => ({
  ssrc,
  sequence: (sequence + packets) & 0xffff,
  timestamp: (timestamp + 160 * packets) >>> 0,
});

const SPREAD_MS: Readonly<Record<Start, number>> = { before: 1000, told: 20, after: 2000 };

const startOf = ({ beginsMs, toldMs, prng }: AttackScene, start: Start): number =>
  (start === 'before' ? beginsMs : toldMs) + prng.next() * SPREAD_MS[start];

export const noAttack: Attack = { name: 'nobody', position: 'elsewhere', begin: () => undefined };

/** It knows the first port: a stream of 50 packets a second there. */
export function talks({ position, start }: Shape): Attack {
  return {
    name: `talks to the first port from ${WHEN[start]} on`,
    position,
    begin: (scene) => {
      const first = fresh(scene.prng);
      talk(scene, startOf(scene, start), (i) => later(first, i));
    },
  };
}

/** One socket and one SSRC over the whole range, or half by half. */
export function sweepsFromOne(
  shape: Shape & { readonly packetsPerS: number; readonly flips?: boolean; readonly talks?: boolean },
): Attack {
  const { position, start, packetsPerS, flips = false, talks: isTalking = false } = shape;
  const how = flips ? 'sweeps one half, then the other, and so on' : 'sweeps';
  const before = isTalking ? 'talks to the first port, then ' : '';
  return {
    name: `${before}${how} from one socket, ${packetsPerS / 1000},000/s, from ${WHEN[start]} on`,
    position,
    begin: (scene) => {
      const { prng } = scene;
      const source = scene.socket();
      const first = fresh(prng);
      const beginsMs = startOf(scene, start);
      const talksMs = isTalking ? 60 + prng.next() * 1500 : 0;
      const talked = Math.ceil(talksMs / PACKET_MS);
      if (isTalking) talk(scene, beginsMs, (i) => later(first, i), { source, untilMs: beginsMs + talksMs });
      const flipMs = flips ? { flipMs: 400 + prng.next() * 600 } : {};
      const sweep = sweepOf(scene, beginsMs + talksMs, packetsPerS, 1);
      sweepWith(scene, { ...sweep, ...flipMs }, () => ({ source, numbers: later(first, talked) }));
    },
  };
}

/** A socket and an SSRC for each port, the same in every round. With `talks`, another one talks to the first port from told on. */
export function sweepsSteadily(
  shape: Shape & { readonly packetsPerS: number; readonly talks?: boolean },
): Attack {
  const { position, start, packetsPerS, talks: isTalking = false } = shape;
  const also = isTalking ? ', and talks to the first port from told on' : '';
  return {
    name: `sweeps, a socket and SSRC a port, ${packetsPerS / 1000},000/s, from ${WHEN[start]} on${also}`,
    position,
    begin: (scene) => {
      const { prng } = scene;
      const senders = new Map<number, Sender>();
      const senderAt = (port: number): Sender => {
        let sender = senders.get(port);
        if (!sender) senders.set(port, (sender = { source: scene.socket(), numbers: fresh(prng) }));
        return sender;
      };
      sweepWith(scene, sweepOf(scene, startOf(scene, start), packetsPerS, 1), senderAt);
      const first = fresh(prng);
      if (isTalking) talk(scene, startOf(scene, 'told'), (i) => later(first, i));
    },
  };
}

/** Bursts of four packets, which are a run each, from sockets and SSRCs that are used once. */
export function sweepsFresh(shape: Shape & { readonly packetsPerS: number }): Attack {
  const { position, start, packetsPerS } = shape;
  return {
    name: `sweeps, a fresh socket and SSRC for each burst of 4, ${packetsPerS / 1000},000/s, from ${WHEN[start]} on`,
    position,
    begin: (scene) => sweepWith(scene, sweepOf(scene, startOf(scene, start), packetsPerS, 4), undefined),
  };
}

/**
 * A member of the room hears the stream, and sends what comes next in the numbers that it hears. It is given the ports, which nobody has
 * told it: from when no lock is open any more, so that the numbers alone are on trial.
 */
export function isMember(position: Position): Attack {
  return {
    name: 'a member of the room goes on with the numbers that it hears',
    position,
    begin: (scene) => follow(scene, scene.rebindsMs - 500, () => scene.heardNumbers()),
  };
}

/** It reads the packets of the phone: what no rule holds off. */
export function isReader(position: Position): Attack {
  return {
    name: "a reader goes on with the phone's own numbers",
    position,
    begin: (scene) => follow(scene, scene.rebindsMs - 3000, () => scene.numbers()),
  };
}

/** It forges the phone's address with any port, so that the phone's own is a suspect before it speaks. */
export function slandersSources(packetsPerS: number): Attack {
  return {
    name: `slanders: every port of the phone's address to all canaries, ${packetsPerS / 1000},000/s, from before told on`,
    position: 'forged',
    begin: (scene) => {
      const { prng } = scene;
      const senderAt = (): Sender => ({ source: scene.anySource(), numbers: fresh(prng) });
      sweepWith(scene, sweepOf(scene, startOf(scene, 'before'), packetsPerS, 1), senderAt, 'canaries');
    },
  };
}

/** It knows where the phone's packets come from and their SSRC, and writes both on what it sends to the range. */
export function slandersStream(): Attack {
  return {
    name: "slanders: the phone's own source and SSRC to all canaries, from after told on",
    position: 'forged',
    begin: (scene) => {
      const senderAt = (): Sender => ({
        source: scene.mapping() ?? scene.anySource(),
        numbers: { ...fresh(scene.prng), ssrc: scene.numbers().ssrc },
      });
      sweepWith(scene, sweepOf(scene, startOf(scene, 'after'), 5000, 1), senderAt, 'canaries');
    },
  };
}

const WHEN: Readonly<Record<Start, string>> = {
  before: '5 s before told',
  told: 'told',
  after: 'after told',
};

interface Sender {
  readonly source: TransportAddress;
  readonly numbers: Numbers;
}

function sweepOf({ range, prng }: AttackScene, startMs: number, packetsPerS: number, burst: number): Sweep {
  return { startMs, packetsPerS, ports: range.size, burst, offset: prng.integer(range.size) };
}

function talk(
  scene: AttackScene,
  atMs: number,
  numbersOf: (i: number) => Numbers,
  options: { readonly source?: TransportAddress; readonly untilMs?: number } = {},
): void {
  const { source = scene.socket(), untilMs } = options;
  let i = 0;
  scene.clock.at(atMs, () =>
    scene.clock.every(PACKET_MS, () => scene.send(scene.toldPort(), numbersOf(i++), source), untilMs),
  );
}

/** To each port of the call's, a little ahead of the stream. */
function follow(scene: AttackScene, atMs: number, numbers: () => Numbers): void {
  const source = scene.socket();
  const send = (): void => {
    for (const port of scene.range.taken) scene.send(port, later(numbers(), 1), source);
  };
  scene.clock.at(atMs, () => scene.clock.every(PACKET_MS, send));
}

/**
 * Sends at each visit of a port that listens. Without `senderAt` each visit has a socket and an SSRC of its own: what these send to
 * canaries is told to the range alone, since no suspect of them ever comes again. Who slanders leaves the ports of calls alone: what
 * it sends there in the phone's name would be the phone's (protocol.md 9).
 */
function sweepWith(
  scene: AttackScene,
  sweep: Sweep,
  senderAt: ((port: number) => Sender) | undefined,
  aim: 'all' | 'canaries' = 'all',
): void {
  const waiting = new Map<number, Task | undefined>();
  const { clock, range } = scene;
  const packetMs = 1000 / sweep.packetsPerS;
  const wait = (port: number, fromMs: number): void => {
    const visit = nextVisit(sweep, indexOf(port), fromMs);
    const isEver = visit.atMs !== Infinity;
    waiting.set(port, isEver ? clock.at(visit.atMs, () => arrive(port, visit.round)) : undefined);
  };
  const arrive = (port: number, round: number): void => {
    const isCanary = range.isCanary(port);
    if (isCanary && !senderAt) range.noteHit(port);
    else if (isCanary || aim === 'all') burst(port, round);
    const isRepeated = isCanary && aim === 'all';
    wait(port, clock.nowMs + (isRepeated ? CANARY_REPEAT_MS : packetMs * sweep.burst));
  };
  const burst = (port: number, round: number): void => {
    const { source, numbers } = senderAt?.(port) ?? { source: scene.socket(), numbers: fresh(scene.prng) };
    for (let i = 0; i < sweep.burst; i++)
      clock.after(i * packetMs, () => scene.send(port, later(numbers, round * sweep.burst + i), source));
  };
  const stop = (port: number): void => {
    const task = waiting.get(port);
    if (task) task.isCancelled = true;
    waiting.delete(port);
  };
  range.add({
    handleOpened: (port) => wait(port, clock.nowMs),
    handleTaken: (port) => {
      stop(port);
      wait(port, clock.nowMs);
    },
    handleClosed: stop,
  });
}
