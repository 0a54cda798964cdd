// Offers with keys for SRTP (RFC 4568), as phones sent them over TLS in November 2026; the addresses are as they were.
import type { SrtpSuite } from '../../lib/core/index.js';

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\r\n`).join('');

interface Offer {
  readonly protocol: string;
  readonly session?: readonly string[];
  readonly media?: readonly string[];
}

/** baresip 1.0 with `mediaenc=srtp`; with `srtp-mand` its profile is RTP/SAVP, with `srtp-mandf` RTP/SAVPF. */
export function baresipOffer({ protocol, session = [], media = [] }: Offer): string {
  return text([
    ...['v=0', 'o=- 3945869578 1998366690 IN IP4 192.0.2.2', 's=-', 'c=IN IP4 192.0.2.2', 't=0 0'],
    'a=tool:baresip 1.0.0',
    ...session,
    `m=audio 42588 ${protocol} 0 8 101`,
    ...[
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
    ],
    ...['a=sendrecv', 'a=label:1', 'a=rtcp-rsize'],
    'a=ssrc:2971820827 cname:sip:alice@192.0.2.2:6061',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:IRISVlJ1L3F89HnnkWtCec8reNWqgAjvvZ6RAnuA',
    ...['a=minptime:20', 'a=ptime:20'],
    ...media,
  ]);
}

/** The same with `medianat=ice`. */
export const BARESIP_ICE = baresipOffer({
  protocol: 'RTP/AVP',
  session: ['a=ice-ufrag:mr3THBb', 'a=ice-pwd:pNALRmEU2NZBexfUZkW8Rq8zUTzTOiM'],
  media: [
    'a=candidate:c0000202 1 UDP 2113929471 192.0.2.2 42588 typ host',
    'a=candidate:c0000202 2 UDP 2113929470 192.0.2.2 42589 typ host',
  ],
});

/** linphonec 5.1 with `media_encryption=srtp`. */
export const LINPHONE = text([
  ...['v=0', 'o=alice 3821 2343 IN IP4 192.0.2.2', 's=Talk', 'c=IN IP4 192.0.2.2', 't=0 0'],
  'a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics',
  'm=audio 43770 RTP/SAVP 96 97 98 0 8 18 99 100 101',
  ...['a=rtpmap:96 opus/48000/2', 'a=fmtp:96 useinbandfec=1', 'a=rtpmap:97 speex/16000', 'a=fmtp:97 vbr=on'],
  ...['a=rtpmap:98 speex/8000', 'a=fmtp:98 vbr=on', 'a=fmtp:18 annexb=yes'],
  ...['99 telephone-event/48000', '100 telephone-event/16000', '101 telephone-event/8000'].map(
    (event) => `a=rtpmap:${event}`,
  ),
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:rT9ckghBW8XEAL5TBviTSoDZnI/LxMDTWRHsTOGt',
  'a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:rNJ9n8O+EQfqsLP8KrW7OGZq+vAge1yGQfqUdieC',
  'a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:y24C+HvW4UElyq4KIKlLqNfRO8coth+0d2fE+/Gpc95oAnrnMJuRyZdHiUFIzA==',
  'a=crypto:4 AES_256_CM_HMAC_SHA1_32 inline:z+62RjwWEI4c5gUB7DS1Ea6z4PSQH/2mhKmu9AV2GxpFxyzBPXV8UQXCFUTe8A==',
  ...['a=rtcp-fb:* trr-int 5000', 'a=rtcp-fb:* ccm tmmbr'],
]);

/** A line whose key has the size that the suite asks for. */
export function cryptoLine(
  tag: number,
  suite: Pick<SrtpSuite, 'name' | 'keySizeBytes' | 'saltSizeBytes'>,
  fill: number,
  rest = '',
): string {
  const key = Buffer.alloc(suite.keySizeBytes + suite.saltSizeBytes, fill);
  return `a=crypto:${tag} ${suite.name} inline:${key.toString('base64')}${rest}`;
}
