// `--record FILE`: the media of a call, received and sent, as a capture. It records no signalling and none of latch's own
// messages. A disk that is full ends the recording, not the call.
import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { PcapWriter } from '../capture/pcap-writer.js';
import type { TransportAddress } from '../wire/index.js';

export class Recorder {
  #file: number | undefined;
  readonly #writer: PcapWriter;
  /** Why the recording ended before the call. */
  error: Error | undefined;

  /** Opens the file, and empties it where it exists. Throws what `fs.openSync` throws. */
  constructor(path: string) {
    this.#file = openSync(path, 'w');
    this.#writer = new PcapWriter((bytes) => {
      if (this.#file !== undefined) writeSync(this.#file, bytes);
    });
  }

  /** One datagram, now. */
  write(payload: Uint8Array, source: TransportAddress, destination: TransportAddress): void {
    if (this.#file === undefined) return;
    try {
      const timeMs = performance.timeOrigin + performance.now();
      this.#writer.write({ timeMs, source, destination, payload });
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
      this.close();
    }
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }
}
