/*
 * A capture read from a file, chunk by chunk, or from memory. Both go through `CaptureReader`; nothing here knows
 * what a capture looks like.
 */
import { open } from 'node:fs/promises';
import { CaptureReader } from './capture-reader.js';
import type { CapturedDatagram, CaptureSink, CaptureSummary } from './traffic.js';

const CHUNK_BYTES = 1 << 20;

/** The datagrams of a capture in file order; can be iterated again. */
export interface CapturedDatagrams extends Iterable<CapturedDatagram>, CaptureSummary {}

/**
 * Reads a pcap or pcapng file chunk by chunk, in memory that does not grow with it. Damage in it is no failure: the good
 * part reaches the sink and the summary says where it ended. Rejects with Node's own error when the file cannot be opened
 * or read, and with whatever a listener throws.
 */
export async function readCaptureFile(path: string | URL, sink: CaptureSink): Promise<CaptureSummary> {
  const reader = new CaptureReader(sink);
  const file = await open(path);
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    while (!reader.isDamaged) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) break;
      reader.push(chunk.subarray(0, bytesRead));
    }
    return reader.end();
  } finally {
    await file.close();
  }
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
