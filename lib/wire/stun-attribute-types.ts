/*
 * The numbers of the STUN attributes that we read or write: RFC 8489, RFC 8445, protocol.md 4.
 * From 0x8000 on an attribute may be ignored by those who do not know it.
 */
export const ATTRIBUTE = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  MESSAGE_INTEGRITY_SHA256: 0x001c,
  XOR_MAPPED_ADDRESS: 0x0020,
  PRIORITY: 0x0024,
  USE_CANDIDATE: 0x0025,
  FINGERPRINT: 0x8028,
  ICE_CONTROLLED: 0x8029,
  ICE_CONTROLLING: 0x802a,
  LATCH_CHALLENGE: 0xc1a0,
  LATCH_PROOF: 0xc1a1,
} as const;

/** True when a receiver that does not know the type must not use the message (RFC 8489 section 14). */
export function isComprehensionRequired(type: number): boolean {
  return type < 0x8000;
}
