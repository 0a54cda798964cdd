// A distribution server that writes what its rooms say to disk: a folder for each meeting, in it a WAV for each participant. All
// of them begin at the same moment, and are in step by the participants' RTCP: laid over each other they are the meeting. PCMU
// and PCMA become WAV; what cannot, opus and video, goes to a capture beside it. The room `echo` is not recorded.
//
// Run: `node --import=tsx docs/examples/recorder.ts FOLDER [CERT KEY]`, the latter two PEM; without them it listens on UDP and
// TCP of this machine only. Where something cannot be written it says so, and the call goes on. Tell your callers.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import sip from 'sip';
import type { Leg, TappedPacket, TappedReport } from 'latchkey/room';
import { createDistributionServer } from 'latchkey/server';
import { latchSip } from 'latchkey/sip';
import { parseRtp } from 'latchkey/wire';
import { decodeG711 } from './g711.js';
import { PcapFile, WavFile } from './recorder-files.js';
import { Timeline } from './recorder-timeline.js';

/** The first sender report comes after 2 to 8 seconds, if ever. Until then what was said is held. */
const HOLD_MS = 8000;
/** Of packets that are held: nobody says more in that time. */
const HELD_MAX = 1000;
/** One a call, and another after a hold or a transfer. */
const SOURCES_MAX = 8;

/** What one source of a participant has said that has no place yet, and where the rest belongs. */
interface Source {
  readonly timeline: Timeline;
  readonly held: { samples: Int16Array; timestamp: number; atMs: number }[];
}

/** What one participant says, to its files. */
class Track {
  readonly #path: string;
  readonly #startMs: number;
  readonly #sources = new Map<number, Source>();
  #wav: WavFile | undefined;
  #pcap: PcapFile | undefined;
  #packets = 0;
  #isCut = false;

  /** @param path Without what says which format it is. */
  constructor(path: string, startMs: number) {
    this.#path = path;
    this.#startMs = startMs;
  }

  takePacket({ bytes, ssrc, format, atMs }: TappedPacket): void {
    const header = parseRtp(bytes);
    if (!header.ok || format.codec.startsWith('telephone-event/')) return;
    this.#packets++;
    const { headerSizeBytes, paddingSizeBytes, timestamp } = header.value;
    const payload = bytes.subarray(headerSizeBytes, bytes.length - paddingSizeBytes);
    const samples = decodeG711(format.codec, payload);
    if (!samples) {
      // Under the number that its reports have too.
      const packet = Uint8Array.from(bytes);
      new DataView(packet.buffer).setUint32(8, ssrc);
      return this.#captureOf(format.codec).write(packet, performance.timeOrigin + atMs);
    }
    const source = this.#sourceOf(ssrc);
    const { timeline, held } = source;
    held.push({ samples, timestamp, atMs });
    const isLate = held.length > HELD_MAX || atMs - held[0]!.atMs > HOLD_MS;
    if (timeline.isSettled || isLate) this.#place(source);
  }

  takeReport(report: TappedReport): void {
    this.#pcap?.write(report.bytes, performance.timeOrigin + report.atMs);
    const source = this.#sources.get(report.ssrc);
    if (!source) return;
    const isFirst = source.timeline.clockErrorMs === undefined;
    // This process may have waited since the report came.
    source.timeline.takeReport(report, Date.now() - (performance.now() - report.atMs));
    const errorMs = source.timeline.clockErrorMs;
    if (isFirst && errorMs === 0) console.log('in step by RTCP', `${this.#path}.wav`);
    else if (isFirst && errorMs !== undefined)
      console.log(
        'in step by its arrival',
        `${this.#path}.wav`,
        `clock off by ${Math.round(-errorMs / 1000)} s`,
      );
    this.#place(source);
  }

  async close(): Promise<void> {
    for (const source of this.#sources.values()) this.#place(source);
    await this.#wav?.close();
    await this.#pcap?.close();
    const seconds = (this.#wav?.seconds ?? 0).toFixed(2);
    console.log(this.#isCut ? 'cut short' : 'recorded', this.#path, this.#packets, 'packets', seconds, 's');
  }

  #cut(kind: string, { message }: Error): void {
    this.#isCut = true;
    console.error(
      `cannot write ${this.#path}.${kind}: ${message}. It is not recorded any further; the call goes on.`,
    );
  }

  #place({ timeline, held }: Source): void {
    timeline.settle(held);
    for (const { samples, timestamp, atMs } of held.splice(0)) {
      this.#wav ??= new WavFile(`${this.#path}.wav`, (error) => this.#cut('wav', error));
      this.#wav.write(samples, timeline.sampleOf(timestamp, atMs));
    }
  }

  #sourceOf(ssrc: number): Source {
    const known = this.#sources.get(ssrc) ?? { timeline: new Timeline(this.#startMs, 8000), held: [] };
    this.#sources.set(ssrc, known);
    for (const [oldest, source] of this.#sources) {
      if (this.#sources.size <= SOURCES_MAX) break;
      this.#place(source);
      this.#sources.delete(oldest);
    }
    return known;
  }

  #captureOf(codec: string): PcapFile {
    if (!this.#pcap) console.log('no WAV of', codec, `it goes to ${this.#path}.pcap`);
    return (this.#pcap ??= new PcapFile(`${this.#path}.pcap`, (error) => this.#cut('pcap', error)));
  }
}

/** One meeting: from the first who comes into the empty room to the last who leaves it. */
class Recording {
  readonly #folder: string;
  readonly #startMs = performance.now();
  readonly #tracks = new Map<Leg, Track>();
  #count = 0;

  constructor(room: string) {
    const when = new Date(performance.timeOrigin + this.#startMs).toISOString();
    // A room has any name that a caller gives it.
    const name = encodeURIComponent(room).slice(0, 64);
    this.#folder = join(folder, `${name} ${when.replaceAll(':', '-')}`);
    console.log('recording', room, 'since', when);
  }

  get isOver(): boolean {
    return this.#tracks.size === 0;
  }

  add(participant: Leg): void {
    const path = join(this.#folder, String(++this.#count));
    console.log('participant', path, nameOf(participant));
    this.#tracks.set(participant, new Track(path, this.#startMs));
  }

  trackOf(participant: Leg): Track | undefined {
    return this.#tracks.get(participant);
  }

  async end(participant: Leg): Promise<void> {
    const track = this.#tracks.get(participant);
    this.#tracks.delete(participant);
    await track?.close();
  }
}

/** What the caller calls itself; where it does not, its session. */
function nameOf({ session, name }: Leg): string {
  return server.snapshot().calls.find((call) => call.session === session)?.name ?? name;
}

const [folder, ...pem] = process.argv.slice(2) as [string?, ...string[]] as [string, ...string[]];
if (folder === undefined) throw new Error('which folder are recordings to go to?');
const [cert, key] = pem.map((file) => readFileSync(file, 'utf8'));

const server = createDistributionServer({
  latchkey: { policy: 'prefer' },
  signalling: (latchkey) => latchSip(sip, latchkey),
  listen: { address: '127.0.0.1', udp: 'auto', tcp: 'auto', tls: cert ? 'auto' : 0, cert, key },
  media: { kind: 'shared', port: 'auto' },
});
const recordings = new Map<string, Recording>();
const ending = new Set<Promise<void>>();
server.rooms.on('joined', (participant) => {
  const { room } = participant;
  if (room === 'echo') return;
  const recording = recordings.get(room) ?? new Recording(room);
  recordings.set(room, recording);
  recording.add(participant);
});
server.rooms.on('left', (participant) => {
  const recording = recordings.get(participant.room);
  if (!recording) return;
  const end = recording.end(participant).finally(() => ending.delete(end));
  ending.add(end);
  if (recording.isOver) recordings.delete(participant.room);
});
server.rooms.tap({
  onPacket: (from, packet) => recordings.get(from.room)?.trackOf(from)?.takePacket(packet),
  onReport: (from, report) => recordings.get(from.room)?.trackOf(from)?.takeReport(report),
});
console.log('listening', JSON.stringify(await server.start()));

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
await server.close({ graceMs: 1000 });
await Promise.all(ending);
