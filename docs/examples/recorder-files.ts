// Files that are written while calls go on: never in the way of a packet, never more than a megabyte behind, and at the first
// error of the disk no further. A WAV has its true length after each second, so that one cut short can be played.
import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PcapWriter } from 'latchkey/capture';
import wavefile from 'wavefile';

const WAITING_BYTES_MAX = 1 << 20;

/** Writes in the order in which it is told to, each when the one before has been done. */
class SlowFile {
  readonly #onFailure: (error: Error) => void;
  #handle: FileHandle | undefined;
  #last: Promise<void>;
  #waitingBytes = 0;
  #hasFailed = false;

  /** @param onFailure Called once at most: nothing is written from then on. */
  constructor(path: string, onFailure: (error: Error) => void) {
    this.#onFailure = onFailure;
    this.#last = this.#try(async () => {
      await mkdir(dirname(path), { recursive: true });
      this.#handle = await open(path, 'w');
    });
  }

  /** The bytes are the file's from now on. */
  write(bytes: Uint8Array, position: number): void {
    if (this.#hasFailed) return;
    if (this.#waitingBytes + bytes.length > WAITING_BYTES_MAX)
      return this.#fail(new Error('the disk is too slow'));
    this.#waitingBytes += bytes.length;
    this.#last = this.#last.then(async () => {
      await this.#try(() => this.#writeAll(bytes, position));
      this.#waitingBytes -= bytes.length;
    });
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#try(async () => this.#handle?.close());
  }

  /** A disk that becomes full takes a part, and says so the next time. */
  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length && !this.#hasFailed;) {
      const { bytesWritten } = await this.#handle!.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#onFailure(error);
  }
}

const RATE = 8000;
const HEADER_BYTES = 44;
/** The sizes in a WAV have 32 bits: 74 hours. */
const SAMPLES_MAX = Math.floor((2 ** 32 - 1 - HEADER_BYTES) / 2);

/** Mono, 16 bits, 8000 samples a second. What is never written is silence, and takes no room on the disk. */
export class WavFile {
  readonly #file: SlowFile;
  readonly #header: Uint8Array;
  /** What follows one upon the other, until it is a second. */
  #chunk = new Int16Array(RATE);
  #chunkStart = 0;
  #chunkLength = 0;
  #length = 0;

  constructor(path: string, onFailure: (error: Error) => void) {
    this.#file = new SlowFile(path, onFailure);
    const empty = new wavefile.WaveFile();
    empty.fromScratch(1, RATE, '16', []);
    this.#header = empty.toBuffer();
    this.#writeHeader();
  }

  get seconds(): number {
    return this.#length / RATE;
  }

  /** What lies before sample 0 is left out. */
  write(samples: Int16Array, at: number): void {
    const from = Math.max(0, -at);
    const to = Math.min(samples.length, SAMPLES_MAX - at);
    for (let i = from; i < to; i++) {
      if (at + i !== this.#chunkStart + this.#chunkLength || this.#chunkLength === RATE) {
        this.#flush();
        this.#chunkStart = at + i;
      }
      this.#chunk[this.#chunkLength++] = samples[i] ?? 0;
    }
    this.#length = Math.max(this.#length, at + to);
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#file.close();
  }

  #flush(): void {
    if (this.#chunkLength === 0) return;
    const bytes = new Uint8Array(this.#chunk.buffer, 0, 2 * this.#chunkLength);
    this.#file.write(bytes, HEADER_BYTES + 2 * this.#chunkStart);
    this.#writeHeader();
    this.#chunk = new Int16Array(RATE);
    this.#chunkLength = 0;
  }

  #writeHeader(): void {
    const header = Uint8Array.from(this.#header);
    const view = new DataView(header.buffer);
    view.setUint32(4, HEADER_BYTES - 8 + 2 * this.#length, true);
    view.setUint32(40, 2 * this.#length, true);
    this.#file.write(header, 0);
  }
}

/** RTP and RTCP as they came, for Wireshark and `latchkey call --play`. The addresses are nobody's. */
export class PcapFile {
  readonly #file: SlowFile;
  readonly #pcap: PcapWriter;
  #size = 0;

  constructor(path: string, onFailure: (error: Error) => void) {
    this.#file = new SlowFile(path, onFailure);
    this.#pcap = new PcapWriter((bytes) => {
      this.#file.write(bytes, this.#size);
      this.#size += bytes.length;
    });
  }

  write(payload: Uint8Array, timeMs: number): void {
    const source = { address: '192.0.2.1', port: 4000 };
    const destination = { address: '192.0.2.2', port: 4000 };
    this.#pcap.write({ timeMs, source, destination, payload });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
