/*
 * How many packets of a capture were not kept whole (tcpdump's snap length), and how much was kept of them.
 */

/** Packets that had more bytes on the wire than are in the file. */
export interface CutPackets {
  readonly packets: number;
  /** The least and the most that was kept of one, in bytes of its frame: the same where one snap length cut them all. */
  readonly fromBytes: number;
  readonly toBytes: number;
}

export class CutCount {
  #packets = 0;
  #from = Infinity;
  #to = 0;

  add(keptBytes: number): void {
    this.#packets++;
    this.#from = Math.min(this.#from, keptBytes);
    this.#to = Math.max(this.#to, keptBytes);
  }

  /** Undefined where all packets are whole. */
  get count(): CutPackets | undefined {
    return this.#packets === 0
      ? undefined
      : { packets: this.#packets, fromBytes: this.#from, toBytes: this.#to };
  }
}
