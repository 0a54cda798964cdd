/*
 * Base64 with padding (RFC 4648 section 4), as RFC 4568 writes keys with it. As with base64url, the one canonical spelling is taken; and
 * the one without padding, which some phones send.
 */
import { decodeBase64url, encodeBase64url } from './base64url.js';

/** The length is a multiple of 4. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encodeBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(4 * Math.ceil(text.length / 4), '=');
}

/** Undefined for what is no spelling of any bytes. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const padding = /={0,2}$/.exec(text)?.[0].length ?? 0;
  if (padding > 0 && text.length % 4 !== 0) return undefined;
  const bare = text.slice(0, text.length - padding);
  if (/[-_]/.test(bare)) return undefined;
  return decodeBase64url(bare.replaceAll('+', '-').replaceAll('/', '_'));
}
