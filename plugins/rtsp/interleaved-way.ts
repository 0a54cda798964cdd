// A stream inside the RTSP connection (RFC 2326 section 10.12): two channels of it as ports of a room. Who has the connection has been let in
// by it, so there is nothing to prove; what waits to be read is bounded by the connection.
import { EventEmitter } from 'node:events';
import type { RoomPort } from '../../lib/room/index.js';
import type { TransportChoice } from '../../lib/rtsp/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import type { Way } from './way.js';

/** The connection, as far as its channels are concerned. */
export interface FrameSender {
  /** False where the connection is gone, or was dropped for reading too slowly. */
  sendFrame(channel: number, packet: Uint8Array): boolean;
}

export class ChannelPort extends EventEmitter implements RoomPort {
  readonly #sender: FrameSender;
  readonly #channel: number;

  constructor(sender: FrameSender, channel: number) {
    super();
    this.#sender = sender;
    this.#channel = channel;
  }

  send(bytes: Uint8Array): boolean {
    return this.#sender.sendFrame(this.#channel, bytes);
  }

  receive(packet: Buffer): void {
    this.emit('packet', packet, undefined, classifyPacket(packet));
  }
}

export class InterleavedWay implements Way {
  readonly transport = 'interleaved';
  readonly choice: TransportChoice;
  readonly rtp: ChannelPort;
  readonly rtcp: ChannelPort;

  constructor(sender: FrameSender, channels: readonly [number, number], isRecord: boolean) {
    this.choice = { kind: 'interleaved', channels, isRecord };
    this.rtp = new ChannelPort(sender, channels[0]);
    this.rtcp = new ChannelPort(sender, channels[1]);
  }

  close(): void {
    // The connection is not the stream's.
  }
}
