// Keys and packets for the tests of SRTP.
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import {
  SrtpReceiver,
  SrtpSender,
  srtpSuite,
  type MasterKey,
  type TaggedPacket,
} from '../../lib/srtp/index.js';

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

export function masterKey(name: string, more: Partial<MasterKey> = {}): MasterKey {
  const suite = srtpSuite(name);
  if (!suite) throw new Error(`no suite is called ${name}`);
  const key = Uint8Array.from({ length: suite.keySizeBytes }, (_, at) => 3 * at + 1);
  const salt = Uint8Array.from({ length: suite.saltSizeBytes }, (_, at) => 5 * at + 2);
  return { suite, key, salt, ...more };
}

export function sender(master: MasterKey): SrtpSender {
  return new SrtpSender(nodeSrtpCrypto, master);
}

export function receiver(master: MasterKey, before?: SrtpReceiver): SrtpReceiver {
  return new SrtpReceiver(nodeSrtpCrypto, master, { decrypts: true, ...(before && { before }) });
}

export function rtp(sequence: number, ssrc = 0xcafe_babe, payload = 'ab'.repeat(16)): Uint8Array {
  const packet = hex(`800f 0000 decafbad 00000000 ${payload}`);
  new DataView(packet.buffer).setUint16(2, sequence);
  new DataView(packet.buffer).setUint32(8, ssrc);
  return packet;
}

export function rtcp(ssrc = 0xcafe_babe): Uint8Array {
  const packet = hex(`80c90006 00000000 ${'ab'.repeat(20)}`);
  new DataView(packet.buffer).setUint32(4, ssrc);
  return packet;
}

/** What was protected; a refusal fails the test. */
export function sealed(result: Uint8Array | string): Uint8Array {
  if (typeof result === 'string') throw new Error(`not protected: ${result}`);
  return result;
}

/** What was judged; a refusal fails the test. */
export function tagged(result: TaggedPacket | string): TaggedPacket {
  if (typeof result === 'string') throw new Error(`not authentic: ${result}`);
  return result;
}
