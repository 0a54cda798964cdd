/*
 * A capture read as it comes, in pieces of any size: its packets, and what they carry. Opens no file and waits for nothing.
 */
import { option } from '../core/option-check.js';
import { ContainerReader } from './container-reader.js';
import { PacketDecoder } from './packet-decoder.js';
import type { CaptureSink, CaptureSummary } from './traffic.js';

/**
 * Push-based: `push` the bytes of a pcap or pcapng file in order, then `end`. Never throws on bad bytes. In memory it
 * holds at most one record or block (1 MiB), some megabytes of fragments and of TCP data that wait for what is
 * missing, and nothing that grows with the file.
 */
export class CaptureReader {
  readonly #decoder: PacketDecoder;
  readonly #file: ContainerReader;

  constructor(sink: CaptureSink) {
    for (const name of ['onDatagram', 'onSip']) {
      const listener: unknown = Reflect.get(sink, name);
      if (listener !== undefined) option.callback('that takes what was captured')(name, listener);
    }
    this.#decoder = new PacketDecoder(sink);
    this.#file = new ContainerReader(this.#decoder);
  }

  /** True when no byte that follows can be read any more. */
  get isDamaged(): boolean {
    return this.#file.isDamaged;
  }

  /** The next bytes of the file. They may be overwritten afterwards. */
  push(chunk: Uint8Array): void {
    this.#file.push(chunk);
  }

  /**
   * The file is over. The error's codes: `magic` for no capture at all, `truncated`, and those of the formats: `link-type`,
   * `record-size`, `byte-order`, `version`, `block-size`, `block-end`, `interfaces`.
   */
  end(): CaptureSummary {
    const error = this.#file.end();
    return { ...this.#decoder.end(), ...(error && { error }) };
  }
}
