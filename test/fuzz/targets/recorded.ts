// Recorded traffic as first inputs: the captures of fixtures, read with lib's own reader.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDatagrams } from '../../../lib/capture/capture-file.js';
import { CaptureReader } from '../../../lib/capture/capture-reader.js';

/** The first datagrams of each size, at most `count` a capture: the others are like them. */
export function datagramsOf(root: string, captures: readonly string[], count: number): Uint8Array[] {
  return captures.flatMap((name) => {
    const bySize = new Map<number, Uint8Array>();
    for (const { payload } of readDatagrams(new Uint8Array(readFileSync(join(root, 'fixtures', name)))))
      if (bySize.size < count && !bySize.has(payload.length)) bySize.set(payload.length, payload.slice());
    return [...bySize.values()];
  });
}

/** The SIP messages of a capture, over whatever they went. */
export function sipOf(root: string, captures: readonly string[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (const name of captures) {
    const reader = new CaptureReader({
      onSip: ({ text }) => messages.push(text.slice()),
      onDatagram: ({ payload }) => {
        if ((payload[0] ?? 0) >= 0x41 && (payload[0] ?? 0) <= 0x5a) messages.push(payload.slice());
      },
    });
    reader.push(new Uint8Array(readFileSync(join(root, 'fixtures', name))));
    reader.end();
  }
  return messages.slice(0, 60);
}

/** The bodies of those messages that hold an SDP. */
export function sdpOf(root: string): Uint8Array[] {
  return sipOf(root, SIGNALLING).flatMap((bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    const at = text.indexOf('\r\n\r\nv=0');
    return at < 0 ? [] : [bytes.slice(at + 4)];
  });
}

export const SIGNALLING: readonly string[] = ['baresip/call.pcap', 'sipp/call.pcap'];
