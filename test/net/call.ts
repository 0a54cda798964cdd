// A client and a server in one process, each with a latchkey of its own, that exchange descriptions.
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, LatchkeyOptions, Session } from '../../lib/index.js';
import type { Socket } from 'node:dgram';
import { makeSdp } from '../support/session-description.js';
import type { MediaDescription } from '../support/session-description.js';

export interface Call {
  readonly client: Session;
  readonly server: Session;
}

export class Callers {
  readonly clients: Latchkey;
  readonly servers: Latchkey;

  constructor(options: LatchkeyOptions = {}) {
    this.clients = createLatchkey(options);
    this.servers = createLatchkey(options);
  }

  sessions(call: string): Call {
    return {
      client: this.clients.createSession({ call, role: 'prover', signalling: 'loopback' }),
      server: this.servers.createSession({ call, signalling: 'loopback' }),
    };
  }

  close(): void {
    this.clients.close();
    this.servers.close();
  }
}

/** The client offers, the server answers. `clientSdp` is what stands in the client's SDP, true or not. */
export function exchange({ client, server }: Call, clientSdp: string, serverSdp: string): void {
  const offered = server.setRemote(client.setLocal(clientSdp));
  if (!offered.accepted) throw new Error(offered.warning);
  const answered = client.setRemote(server.setLocal(serverSdp));
  if (!answered.accepted) throw new Error(answered.warning);
}

/** A description of one audio stream, with rtcp-mux unless told. */
export function sdpFor(address: string, port: number, more: Partial<MediaDescription> = {}): string {
  return makeSdp({ address, media: [{ port, isMuxed: true, ...more }] });
}

export function sdpOf(socket: Socket, more: Partial<MediaDescription> = {}): string {
  const { address, port } = socket.address();
  return sdpFor(address, port, more);
}

/** An RTP packet of payload type 0 that says `text`. */
export function rtp(text: string, ssrc = 0x1a7c4, sequence = 1): Buffer {
  const packet = Buffer.alloc(12 + text.length);
  packet[0] = 0x80;
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(ssrc, 8);
  packet.write(text, 12, 'latin1');
  return packet;
}

export function textOf(packet: Buffer): string {
  return packet.toString('latin1', 12);
}
