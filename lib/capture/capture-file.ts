/*
 * A capture file, read for whoever listens.
 */
import { readFile } from 'node:fs/promises';
import { readDatagrams } from './datagram.js';
import type { CaptureSink, CaptureSummary } from './traffic.js';

/**
 * Reads a pcap or pcapng file chunk by chunk. Damage in it is no failure: the good part reaches the sink and
 * the summary says where it ended. Rejects with Node's own error when the file cannot be opened or read, and with
 * whatever a listener throws.
 */
export async function readCaptureFile(path: string | URL, sink: CaptureSink): Promise<CaptureSummary> {
  const found = readDatagrams(await readFile(path));
  let packets = 0;
  for (const datagram of found) {
    packets++;
    sink.onDatagram?.(datagram);
  }
  return { packets, skipped: {}, ...(found.error && { error: found.error }) };
}
