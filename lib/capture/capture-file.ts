/*
 * Captures read from files, chunk by chunk, or from memory. Several files are one capture: their packets come in the order of
 * time. Nothing here knows what a capture looks like.
 */
import type { WireError } from '../wire/result.js';
import { GzipDamage, readBytes } from './capture-bytes.js';
import { CaptureReader } from './capture-reader.js';
import { ContainerReader } from './container-reader.js';
import { PacketDecoder } from './packet-decoder.js';
import { QueuedFile } from './queued-file.js';
import type { CapturedDatagram, CaptureSink, CaptureSummary } from './traffic.js';

const CHUNK_BYTES = 1 << 20;

/** The datagrams of a capture in file order; can be iterated again. */
export interface CapturedDatagrams extends Iterable<CapturedDatagram>, CaptureSummary {}

/** One of several files that could not be read to its end. */
export interface DamagedFile {
  readonly file: string;
  readonly error: WireError;
}

/** Of several files together; `error` is the first of `damaged`. */
export interface CaptureFilesSummary extends CaptureSummary {
  readonly damaged: readonly DamagedFile[];
}

/**
 * Reads a pcap or pcapng file chunk by chunk, packed by gzip or not, in memory that does not grow with it; `-` is standard
 * input. Damage in it is no failure: the good part reaches the sink and the summary says where it ended; `gzip` is the code where
 * it is the packing that is damaged. Rejects with Node's own error when the file cannot be opened or read, and with whatever a
 * listener throws.
 */
export async function readCaptureFile(path: string | URL, sink: CaptureSink): Promise<CaptureSummary> {
  const decoder = new PacketDecoder(sink);
  const file = new ContainerReader(decoder);
  const error = await pushAll(file, path);
  return { ...decoder.end(), ...(error && { error }) };
}

/**
 * Reads several files as one capture, in the order of time: rotated ones, or those of several interfaces. Frames are counted over
 * all of them. Memory grows with the number of files that overlap in time, not with their sizes.
 */
export async function readCaptureFiles(
  paths: readonly string[],
  sink: CaptureSink,
): Promise<CaptureFilesSummary> {
  const [only] = paths;
  if (only !== undefined && paths.length === 1) {
    const summary = await readCaptureFile(only, sink);
    return { ...summary, damaged: summary.error ? [{ file: only, error: summary.error }] : [] };
  }
  const decoder = new PacketDecoder(sink);
  const damaged: DamagedFile[] = [];
  const open: QueuedFile[] = [];
  try {
    for (const path of paths) open.push(await QueuedFile.at(path));
    for (let file = earliest(open); file; file = earliest(open)) {
      if (!file.isEmpty || (await file.fill())) {
        file.give(decoder, headOfOthers(open, file));
        continue;
      }
      open.splice(open.indexOf(file), 1);
      const error = await file.close();
      if (error) damaged.push({ file: file.path, error });
    }
  } finally {
    for (const file of open) await file.close();
  }
  const [first] = damaged;
  return { ...decoder.end(), damaged, ...(first && { error: first.error }) };
}

function earliest(files: readonly QueuedFile[]): QueuedFile | undefined {
  let first: QueuedFile | undefined;
  for (const file of files) if (!first || file.headMs < first.headMs) first = file;
  return first;
}

function headOfOthers(files: readonly QueuedFile[], than: QueuedFile): number {
  return files.reduce((least, file) => (file === than ? least : Math.min(least, file.headMs)), Infinity);
}

async function pushAll(file: ContainerReader, path: string | URL): Promise<WireError | undefined> {
  try {
    for await (const chunk of readBytes(path, CHUNK_BYTES)) {
      file.push(chunk);
      if (file.isDamaged) break;
    }
  } catch (error) {
    if (!(error instanceof GzipDamage)) throw error;
    return file.fail('gzip', error.message);
  }
  return file.end();
}

/**
 * All UDP datagrams of a capture held in memory, those that it cut short included. Never throws on bad bytes: what can be
 * read comes out, and `error` tells the rest. Payloads are views of the capture, or of a buffer of their own where they
 * came in fragments; they hold for as long as `bytes` is not changed.
 */
export function readDatagrams(bytes: Uint8Array): CapturedDatagrams {
  const datagrams: CapturedDatagram[] = [];
  const reader = new CaptureReader({ onDatagram: (datagram) => datagrams.push(datagram) });
  reader.push(bytes);
  return { ...reader.end(), [Symbol.iterator]: () => datagrams[Symbol.iterator]() };
}
