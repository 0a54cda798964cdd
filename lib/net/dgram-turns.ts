// What node:dgram brings of one look at the kernel, of all sockets, is put together and handed over as soon as the look is over: a batch for
// each socket. Whoever is sent something then is woken once for all of it: with one after another, each taken and passed on before the
// next is looked at, he is woken for each, and that costs more than all that is decided here.
import type { Datagram, DatagramReceiver, DatagramSource } from './datagram-socket.js';

interface Arrived extends Datagram {
  bytes: Buffer;
  source: DatagramSource;
  to: DatagramReceiver | undefined;
}

const NOTHING = Buffer.alloc(0);
const NOBODY: DatagramSource = { address: '', port: 0 };
/** Objects that are kept for messages to come: libuv takes 32 of one socket before it looks at the next. */
const KEPT_MAX = 1024;

class DgramTurns {
  #arrived: Arrived[] = [];
  #count = 0;
  /** In use while the others are handed over: a listener may bring datagrams in. */
  #others: Arrived[] = [];
  readonly #batch: Datagram[] = [];

  add(to: DatagramReceiver, bytes: Buffer, source: DatagramSource): void {
    // These come after the sockets in Node's loop, and before timers.
    if (this.#count === 0) setImmediate(this.#onTurn);
    const one = this.#arrived[this.#count];
    if (one) {
      one.bytes = bytes;
      one.source = source;
      one.to = to;
    } else this.#arrived.push({ bytes, source, to });
    this.#count++;
  }

  readonly #onTurn = (): void => {
    const [arrived, count] = [this.#arrived, this.#count];
    this.#arrived = this.#others;
    this.#others = arrived;
    this.#count = 0;
    for (let at = 0; at < count;) {
      const { to } = arrived[at]!;
      this.#batch.length = 0;
      for (; at < count && arrived[at]!.to === to; at++) this.#batch.push(arrived[at]!);
      to?.onBatch(this.#batch);
    }
    this.#batch.length = 0;
    if (arrived.length > KEPT_MAX) arrived.length = KEPT_MAX;
    for (let at = 0; at < count && at < arrived.length; at++) {
      const one = arrived[at]!;
      one.bytes = NOTHING;
      one.source = NOBODY;
      one.to = undefined;
    }
  };
}

/** Of the process. */
export const dgramTurns = new DgramTurns();
