/*
 * base64url without padding (RFC 4648 section 5), as the secrets and words of protocol.md 2 use it.
 * It refuses all but the one canonical spelling: no padding, no white space, unused bits zero.
 */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The value of each 7-bit character, 0xff for those outside the alphabet. */
const VALUES = new Uint8Array(128).fill(0xff);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Encodes bytes; the length is `ceil(bytes * 4 / 3)`, without `=`. */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = '';
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= 6) {
      pendingBits -= 6;
      text += ALPHABET.charAt((pending >> pendingBits) & 0x3f);
    }
    pending &= 0x3f;
  }
  if (pendingBits > 0) text += ALPHABET.charAt((pending << (6 - pendingBits)) & 0x3f);
  return text;
}

/**
 * Decodes text, or gives undefined when it is not the canonical spelling of any bytes: a character
 * outside the alphabet, padding, an impossible length, or unused bits that are not zero.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let pending = 0;
  let pendingBits = 0;
  let written = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? 0xff;
    if (value === 0xff) return undefined;
    pending = ((pending << 6) | value) & 0xfff;
    pendingBits += 6;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[written++] = (pending >> pendingBits) & 0xff;
    }
  }
  const unused = pending & ((1 << pendingBits) - 1);
  return unused === 0 ? bytes : undefined;
}
