// The crypto suites that we speak: their names in `a=crypto` (RFC 4568 6.2, RFC 6188 section 5, RFC 7714 section 14.2), and the sizes of
// their keys, salts and tags.

export interface SrtpSuite {
  readonly name: string;
  /** `cm`: AES in counter mode, and HMAC-SHA1 over it. `gcm`: AES-GCM does both. */
  readonly kind: 'cm' | 'gcm';
  readonly keySizeBytes: 16 | 24 | 32;
  readonly saltSizeBytes: 12 | 14;
  readonly rtpTagSizeBytes: 4 | 10 | 16;
  /** The short tags are for RTP alone (RFC 4568 6.2.2): 4 is for who wants to recognise a sender that has them here too. */
  readonly rtcpTagSizeBytes: 4 | 10 | 16;
}

/** Best first. */
export const SRTP_SUITES = [
  gcm('AEAD_AES_256_GCM', 32),
  gcm('AEAD_AES_128_GCM', 16),
  counterMode('AES_256_CM_HMAC_SHA1_80', 32, 10),
  counterMode('AES_192_CM_HMAC_SHA1_80', 24, 10),
  counterMode('AES_CM_128_HMAC_SHA1_80', 16, 10),
  counterMode('AES_256_CM_HMAC_SHA1_32', 32, 4),
  counterMode('AES_192_CM_HMAC_SHA1_32', 24, 4),
  counterMode('AES_CM_128_HMAC_SHA1_32', 16, 4),
] as const satisfies readonly SrtpSuite[];

export function srtpSuite(name: string): SrtpSuite | undefined {
  return SRTP_SUITES.find((suite) => suite.name === name);
}

function counterMode(name: string, keySizeBytes: 16 | 24 | 32, rtpTagSizeBytes: 4 | 10): SrtpSuite {
  return { name, kind: 'cm', keySizeBytes, saltSizeBytes: 14, rtpTagSizeBytes, rtcpTagSizeBytes: 10 };
}

function gcm(name: string, keySizeBytes: 16 | 32): SrtpSuite {
  return { name, kind: 'gcm', keySizeBytes, saltSizeBytes: 12, rtpTagSizeBytes: 16, rtcpTagSizeBytes: 16 };
}
