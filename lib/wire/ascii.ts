/*
 * Text of the protocol (tags, user names, suite names: all ASCII) to bytes and back, for a room in
 * which no TextEncoder exists. It does not speak UTF-8: bytes above 0x7f are taken one for one
 * (Latin-1), so that two different byte strings never give the same text.
 */

/** One byte a character; a character above U+00FF, which no field of ours allows, becomes `?`. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  writeAscii(bytes, 0, text);
  return bytes;
}

/** As `asciiBytes`, into what is there. Returns where the text ends. */
export function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[at + i] = code > 0xff ? 0x3f : code;
  }
  return at + text.length;
}

/** One character a byte, of the bytes from `from` up to, not including, `to`. */
export function asciiText(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
