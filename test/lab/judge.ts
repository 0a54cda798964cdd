// What packets say of a scenario: nothing to the attacker but challenges, media both ways and at once, back after every move,
// whole where the line is clean, and from the server to nobody who has not proved to be a client's mapping.
import assert from 'node:assert/strict';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket, formatAddress, readRtpSsrc } from '../../lib/wire/index.js';
import { MEDIA_PORT } from './scenario.js';
import type { Evidence, Scenario } from './scenario.js';
import { assertNoTheft } from './theft.js';

const STUN_SUCCESS = 0x0101;
/** RFC 8445 and protocol.md 4.4 alike: to an address that has proved nothing. */
const BUDGET = 3;
const PACKET_MS = 20;
/** protocol.md 5.11. */
const QUESTION_MS = 30;
/** What timers, captures and processes may be late on a machine that runs several labs. */
const LATENESS_MS = 200;
/** From the first packet of the last who comes to what the first hears: signalling, hello, challenge and response. */
const START_MS = 500;

/** A re-INVITE, and a phone that opens its sound again. */
const RESUME_MS = 1000;

type Packets = readonly CapturedDatagram[];

/** One call, as its client's host saw it: what went to and came from the server's media port. */
interface Flow {
  readonly name: string;
  readonly out: Packets;
  readonly back: Packets;
}

export function judge(evidence: Evidence): void {
  judgeAttacker(evidence);
  judgeServer(evidence);
  judgeMedia(evidence);
  judgeMappings(evidence);
  judgeMoves(evidence);
  judgeEvents(evidence);
}

/** Whatever reaches the attacker is a challenge, and of those no more than it paid for. */
function judgeAttacker({ attacker, scenario }: Evidence): void {
  const [own] = attacker.filter(isRtp);
  const { isSprayed = true } = scenario;
  if (!isSprayed) return assert.equal(attacker.length, 0, 'datagrams at an attacker who does nothing');
  assert.ok(own, 'the attacker sprays');
  const sent = attacker.filter(({ source }) => source.address === own.source.address);
  const got = attacker.filter(({ destination }) => destination.address === own.source.address);
  assert.ok(sent.length > 100, `only ${sent.length} packets of attack`);
  const stolen = got.filter((packet) => !isStun(packet));
  assertNoTheft(stolen.map(describe), 'at the attacker');
  assert.ok(bytes(got) <= BUDGET * bytes(sent));
}

/** At the server's own output: media to nobody but who has answered a challenge from there, and is a client. */
function judgeServer({ server, serverAddress, externals }: Evidence): void {
  const received = new Map<string, number>();
  const verified = new Set<string>();
  const sent = new Map<string, number>();
  for (const packet of server.filter(isMediaPort(serverAddress))) {
    const { source, destination, payload } = packet;
    if (destination.address === serverAddress) {
      const from = formatAddress(source);
      received.set(from, (received.get(from) ?? 0) + payload.length);
      if (isStun(packet) && Buffer.from(payload).readUInt16BE(0) === STUN_SUCCESS) verified.add(from);
      continue;
    }
    const to = formatAddress(destination);
    if (isStun(packet)) {
      if (verified.has(to)) continue;
      const total = (sent.get(to) ?? 0) + payload.length;
      sent.set(to, total);
      // Rule 5.7: without a NAT the address in the SDP is asked first.
      const isAsked = externals.has(destination.address) && total <= BUDGET * 200;
      assert.ok(isAsked || total <= BUDGET * (received.get(to) ?? 0), `over budget: ${describe(packet)}`);
      continue;
    }
    assert.ok(externals.has(destination.address), `to a stranger: ${describe(packet)}`);
    assert.ok(verified.has(to), `before it was verified: ${describe(packet)}`);
  }
}

function judgeMedia(evidence: Evidence): void {
  const { scenario } = evidence;
  const flows = flowsOf(evidence);
  assert.equal(flows.length, scenario.callers.length, 'calls with media');
  const spoken = new Set(flows.flatMap(({ out }) => out.map(contentOf)));
  const startMs = Math.max(...flows.map(({ out }) => out[0]!.timeMs));
  for (const { name, out, back } of flows) {
    const [first] = back;
    assert.ok(first, `${name}: it hears nothing`);
    const waitMs = Math.round(first.timeMs - startMs);
    const allowedMs = START_MS + evidence.stallMs + 6 * delayOf(scenario) + (isLossy(scenario) ? 1000 : 0);
    assert.ok(waitMs <= allowedMs, `${name}: the first packet after ${waitMs} ms`);
    const foreign = back.filter((packet) => !spoken.has(contentOf(packet)));
    assertNoTheft(foreign.map(describe), `injected at ${name}`);
    if (scenario.callers.some(({ silenceMs }) => silenceMs !== undefined)) continue;
    judgeStreams(evidence, name, back);
    // Whoever spoke last to this one: in the echo it is itself.
    const others =
      scenario.room === undefined ? [out] : flows.filter((one) => one.name !== name).map((one) => one.out);
    const endMs = Math.min(out.at(-1)!.timeMs, Math.max(...others.map((one) => one.at(-1)!.timeMs)));
    const silentMs = Math.round(endMs - back.at(-1)!.timeMs);
    assert.ok(
      silentMs <= gapOf(evidence) + 2 * delayOf(scenario),
      `${name}: silent for the last ${silentMs} ms`,
    );
  }
}

function judgeStreams(evidence: Evidence, name: string, back: Packets): void {
  const { scenario, moves } = evidence;
  const allowedMs = gapOf(evidence);
  const { heldMs = 0 } = scenario;
  const resumeMs = heldMs > 0 ? RESUME_MS : 0;
  for (const stream of groupBy(back, ({ payload }) => readRtpSsrc(payload)).values()) {
    const gaps = stream.slice(1).map(({ timeMs }, i) => timeMs - stream[i]!.timeMs);
    const gapMs = Math.round(Math.max(0, ...gaps));
    assert.ok(gapMs <= heldMs + resumeMs + allowedMs, `${name}: ${gapMs} ms without media`);
    assert.ok(gapMs >= heldMs - allowedMs, `${name}: on hold for ${gapMs} ms only`);
    const lost = lostIn(stream);
    if (moves.length === 0 && !isLossy(scenario)) assert.equal(lost, 0, `${name}: packets lost`);
    const share = isLossy(scenario) ? 0.8 : 0.95;
    const [first, last] = [stream[0]!.timeMs, stream.at(-1)!.timeMs];
    const expected = (last - first - heldMs - resumeMs - moves.length * allowedMs) / PACKET_MS;
    assert.ok(stream.length >= share * expected, `${name}: ${stream.length} packets of ${expected}`);
  }
}

/** One mapping for each caller and component, from the first packet to the last. */
function judgeMappings({ server, serverAddress, externals, scenario, moves }: Evidence): void {
  const sources = server
    .filter(isMediaPort(serverAddress))
    .filter(({ source }) => externals.has(source.address) && source.address !== serverAddress)
    .map(({ source }) => formatAddress(source));
  if (scenario.isHeldOpen && moves.length === 0) assert.equal(new Set(sources).size, scenario.callers.length);
}

/** After each move the server has heard a client from a mapping that is new, and has sent media there. */
function judgeMoves({ server, serverAddress, externals, moves }: Evidence): void {
  const media = server.filter(isMediaPort(serverAddress));
  const ofNats = moves.filter(({ step }) => step.what !== 'say');
  for (const [i, { atMs, step }] of ofNats.entries()) {
    const untilMs = ofNats[i + 1]?.atMs ?? Infinity;
    const known = new Set(
      media.filter(({ timeMs }) => timeMs < atMs).map(({ source }) => formatAddress(source)),
    );
    const arrived = media.filter(
      ({ timeMs, source }) =>
        timeMs >= atMs &&
        timeMs < untilMs &&
        externals.has(source.address) &&
        source.address !== serverAddress &&
        !known.has(formatAddress(source)),
    );
    const fresh = new Set(arrived.map(({ source }) => formatAddress(source)));
    const wanted = step.what === 'rebind' ? step.nats.length : 1;
    assert.ok(fresh.size >= wanted, `after ${step.what} there are ${fresh.size} new mappings`);
    const reached = new Set(
      media
        .filter((packet) => isRtp(packet) && fresh.has(formatAddress(packet.destination)))
        .map(({ destination }) => formatAddress(destination)),
    );
    assert.ok(reached.size >= wanted, `media went to ${reached.size} of the new mappings`);
  }
}

/** What protects a call is no matter of packets. That no stranger was verified is, but the server is to know it too. */
function judgeEvents({ events, scenario, externals }: Evidence): void {
  const { protection = 'latch', isDirect = false } = scenario;
  const moves = events.filter(
    ({ event }) => event === 'verified' || event === 'rebound' || event === 'direct',
  );
  for (const { mapping, ...line } of moves) {
    const address = String(mapping).replace(/:\d+$/, '').replace(/[[\]]/g, '');
    assert.ok(externals.has(address), `${String(mapping)} was verified`);
    assert.equal(line['protection'], isDirect && line.event === 'direct' ? line['protection'] : protection);
  }
  // Phones with ICE signal their mapping, once they know it.
  if (protection === 'ice' && !isDirect) return;
  const direct = events.filter(({ event, component }) => event === 'direct' && component === 1);
  assert.equal(direct.length, isDirect ? scenario.callers.length : 0, 'direct paths');
}

function flowsOf({ clients, serverAddress, scenario }: Evidence): Flow[] {
  const advertised = scenario.server?.advertise ?? serverAddress;
  return [...clients].flatMap(([host, packets]) => {
    const media = packets.filter(isMediaPort(advertised)).filter(isRtp);
    const isOut = ({ destination }: CapturedDatagram) => destination.address === advertised;
    const portOf = (packet: CapturedDatagram) => (isOut(packet) ? packet.source : packet.destination).port;
    return [...groupBy(media, portOf)].map(([port, all]) => ({
      name: `${host}:${port}`,
      out: all.filter(isOut),
      back: all.filter((packet) => !isOut(packet)),
    }));
  });
}

/** What a rebinding may cost: the next packet of the client, the challenge's round trip, the old path's question, and lateness. */
function gapOf({ scenario, stallMs }: Evidence): number {
  const roundTripMs = 2 * delayOf(scenario);
  const lossMs = isLossy(scenario) ? 400 : 0;
  return (
    2 * PACKET_MS +
    2 * roundTripMs +
    Math.max(1.5 * roundTripMs, QUESTION_MS) +
    LATENESS_MS +
    stallMs +
    lossMs
  );
}

/** Of the longest way between server and client, one way. */
function delayOf({ lines = {} }: Scenario): number {
  return Math.max(0, ...Object.values(lines).map(({ delayMs = 0 }) => delayMs));
}

function isLossy({ lines = {} }: Scenario): boolean {
  return Object.values(lines).some(({ lossPercent = 0 }) => lossPercent > 0);
}

function isMediaPort(address: string) {
  const isOne = (one: CapturedDatagram['source']) => one.address === address && one.port >= MEDIA_PORT;
  return ({ source, destination }: CapturedDatagram) => isOne(source) || isOne(destination);
}

function isRtp({ payload }: CapturedDatagram): boolean {
  return classifyPacket(payload) === 'rtp';
}

function isStun({ payload }: CapturedDatagram): boolean {
  return classifyPacket(payload) === 'stun';
}

/** Behind the header, which a room may rewrite. */
function contentOf({ payload }: CapturedDatagram): string {
  return Buffer.from(payload.subarray(12)).toString('latin1');
}

/** Of the numbers between the lowest and the highest, those that never came. */
function lostIn(stream: Packets): number {
  let number = 0;
  const numbers = new Set<number>();
  for (const { payload } of stream) {
    // Round and round: each is within half a round of the one before.
    number += ((Buffer.from(payload).readUInt16BE(2) - number) << 16) >> 16;
    numbers.add(number);
  }
  return Math.max(...numbers) - Math.min(...numbers) + 1 - numbers.size;
}

function groupBy<T, K>(all: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
}

function bytes(packets: Packets): number {
  return packets.reduce((sum, { payload }) => sum + payload.length, 0);
}

function describe({ source, destination, payload }: CapturedDatagram): string {
  return `${formatAddress(source)} to ${formatAddress(destination)}, ${payload.length} bytes of ${classifyPacket(payload)}`;
}
