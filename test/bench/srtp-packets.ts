// SRTP of every speaker, made before it is sent: the generator in C knows no cipher. Keys are the peers' own and the same in each
// round, which is with a fresh forwarder.
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpSender, srtpSuite } from '../../lib/srtp/index.js';
import { peerCount, SSRC_FIRST, speakersOf } from './load.js';
import type { Load } from './load.js';

const KEY_BYTES = 16;
const SALT_BYTES = 14;
const LONG_TAG_BYTES = 10;
const SHORT_TAG_BYTES = 4;

/** Key and salt of a peer. */
function masterOf(peer: number): Buffer {
  return createHash('sha256')
    .update(`benchmark, peer ${peer}`)
    .digest()
    .subarray(0, KEY_BYTES + SALT_BYTES);
}

function hasShortTags(peer: number): boolean {
  return peer % 2 === 1;
}

/**
 * The two of a call have suites that differ in the length of their tags alone: to two of the same suite rtpengine gives each
 * other's keys, and passes their packets on as they are.
 */
export function suiteOf(peer: number): string {
  return hasShortTags(peer) ? 'AES_CM_128_HMAC_SHA1_32' : 'AES_CM_128_HMAC_SHA1_80';
}

/** What stands in the description of a peer. */
export function cryptoLineOf(peer: number, tag = 1): string {
  return `a=crypto:${tag} ${suiteOf(peer)} inline:${masterOf(peer).toString('base64')}`;
}

/** What every packet has on the wire; one with a short tag has so much more media. */
export function sealedBytes(bytes: number): number {
  return bytes + LONG_TAG_BYTES;
}

export interface PacketFile {
  readonly path: string;
  close(): void;
}

/** So many packets of each speaker, speaker by speaker. */
export function writeSrtpPackets(load: Load, each: number): PacketFile {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-srtp-'));
  const path = join(folder, 'packets');
  const file = openSync(path, 'w');
  for (const [index, peer] of speakersOf(load).entries()) writeSync(file, packetsOf(load, index, peer, each));
  closeSync(file);
  return { path, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Packets of a peer who only listens: they show where he is, as what every phone sends does. With short tags it takes three. */
export function greetingsOf(load: Load, peer: number): Buffer[] {
  const bytes = packetsOf(load, peerCount(load) + peer, peer, 3);
  const size = bytes.length / 3;
  return [0, 1, 2].map((i) => bytes.subarray(i * size, (i + 1) * size));
}

function packetsOf({ bytes }: Load, index: number, peer: number, each: number): Buffer {
  const suite = srtpSuite(suiteOf(peer));
  if (!suite) throw new Error(`no suite is called ${suiteOf(peer)}`);
  const master = masterOf(peer);
  const sender = new SrtpSender(nodeSrtpCrypto, {
    suite,
    key: master.subarray(0, KEY_BYTES),
    salt: master.subarray(KEY_BYTES),
  });
  const packet = Buffer.alloc(sealedBytes(bytes) - (hasShortTags(peer) ? SHORT_TAG_BYTES : LONG_TAG_BYTES));
  packet[0] = 0x80;
  packet.writeUInt32BE(SSRC_FIRST + index, 8);
  const all = Buffer.alloc(each * sealedBytes(bytes));
  for (let i = 0; i < each; i++) {
    packet.writeUInt16BE(i & 0xffff, 2);
    packet.writeUInt32BE(160 * i, 4);
    const sealed = sender.protectRtp(packet);
    if (typeof sealed === 'string') throw new Error(`not protected: ${sealed}`);
    all.set(sealed, i * sealedBytes(bytes));
  }
  return all;
}
