// What a phone of the comparison says of itself in SDP, and what it reads of the other side's: plain RTP, ICE, or a key for SRTP
// (SDES, RFC 4568). Opens nothing.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { srtpSuite } from '../../lib/srtp/index.js';
import type { MasterKey } from '../../lib/srtp/index.js';
import { formatCrypto, parseSdp } from '../../lib/wire/index.js';
import type { IceCredentials, SdpMedia } from '../../lib/wire/index.js';

export type PhoneKind = 'plain' | 'ice' | 'sdes';

/** What one description says: where its maker wants media, and what it knows its peer by. */
export interface Terms {
  readonly port: number;
  readonly ice?: IceCredentials;
  /** Master key and salt with which the maker protects what it sends, in base64. */
  readonly key?: string;
}

/** The one that every phone with SRTP has. */
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY_AND_SALT_BYTES = 30;
/** Of a host candidate (RFC 8445 5.1.2.1). */
const PRIORITY = 2_130_706_431;

/** A phone of this kind at this port (0: any), with secrets of its own. */
export function createTerms(kind: PhoneKind, port: number): Terms {
  const [ufrag, pwd] = [4, 16].map((size) => randomBytes(size).toString('hex')) as [string, string];
  return {
    port,
    ...(kind === 'ice' && { ice: { ufrag, pwd } }),
    ...(kind === 'sdes' && { key: randomBytes(KEY_AND_SALT_BYTES).toString('base64') }),
  };
}

/** An offer, or the answer to one: then the line of the key takes the tag of the offer's. */
export function describe({ port, ice, key }: Terms, address: string, offer?: string): string {
  const tag = offer === undefined ? 1 : cryptoOf(mediaOf(offer))?.tag;
  return [
    'v=0',
    `o=- 1 1 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/${key === undefined ? 'AVP' : 'SAVP'} 0`,
    'a=rtpmap:0 PCMU/8000',
    ...(key === undefined ? [] : [formatCrypto(tag ?? 1, SUITE, Buffer.from(key, 'base64'))]),
    ...(ice
      ? [
          'a=rtcp-mux',
          `a=ice-ufrag:${ice.ufrag}`,
          `a=ice-pwd:${ice.pwd}`,
          `a=candidate:1 1 UDP ${PRIORITY} ${address} ${port} typ host`,
        ]
      : []),
    'a=sendrecv',
    '',
  ].join('\r\n');
}

/** Of the description that the other side gave. */
export function readTerms(sdp: string): Terms {
  const media = mediaOf(sdp);
  const key = cryptoOf(media)?.keys[0]?.keyAndSalt;
  return {
    port: media.port,
    ...(media.ice && { ice: media.ice }),
    ...(key && { key: Buffer.from(key).toString('base64') }),
  };
}

/** For lib/srtp. */
export function masterKeyOf(key: string): MasterKey {
  const suite = srtpSuite(SUITE);
  assert.ok(suite);
  const bytes = Buffer.from(key, 'base64');
  return { suite, key: bytes.subarray(0, suite.keySizeBytes), salt: bytes.subarray(suite.keySizeBytes) };
}

function mediaOf(sdp: string): SdpMedia {
  const parsed = parseSdp(sdp);
  const media = parsed.ok ? parsed.value.media[0] : undefined;
  assert.ok(media && media.port > 0, `no description with media: ${sdp}`);
  return media;
}

function cryptoOf({ cryptos }: SdpMedia) {
  return cryptos.find(({ suite }) => suite === SUITE);
}
