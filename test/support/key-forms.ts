// Every way in which the bytes of a key can stand in what goes over a wire, and a search for them in bytes. For captures, where
// secrecy.ts is for what is printed.

/** Bits of a character of base64. */
const SEXTET = 6;

export interface Form {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * Raw, in hex of both cases, and in base64 and base64url, beginning anywhere in something longer: only those characters then that hang
 * on the key alone, so that padding and neighbours do not matter.
 */
export function formsOf(key: Uint8Array): readonly Form[] {
  const hex = Buffer.from(key).toString('hex');
  const texts: [name: string, text: string][] = [
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ];
  for (const encoding of ['base64', 'base64url'] as const)
    for (const before of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(before), key, Buffer.alloc(2)]).toString(encoding);
      const from = Math.ceil((before * 8) / SEXTET);
      const to = Math.floor(((before + key.length) * 8) / SEXTET);
      texts.push([`${encoding} after ${before} bytes`, text.slice(from, to)]);
    }
  return [
    { name: 'raw bytes', bytes: Buffer.from(key) },
    ...texts.map(([name, text]) => ({ name, bytes: Buffer.from(text, 'latin1') })),
  ];
}

/** Whole, and either half: half of a key is too much. */
function partsOf(key: Uint8Array): readonly [name: string, part: Uint8Array][] {
  const half = key.length / 2;
  return [
    ['', key],
    ['first half, ', key.subarray(0, half)],
    ['second half, ', key.subarray(half)],
  ];
}

/** Where the key stands in these bytes, form by form: `name of the bytes: form`. */
export function findKey(key: Uint8Array, haystacks: ReadonlyMap<string, Uint8Array>): string[] {
  const all = partsOf(key).flatMap(([part, some]) =>
    formsOf(some).map(({ name, bytes }) => ({ name: `${part}${name}`, bytes })),
  );
  const found: string[] = [];
  for (const [place, haystack] of haystacks) {
    const bytes = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.length);
    for (const { name, bytes: sought } of all) if (bytes.includes(sought)) found.push(`${place}: ${name}`);
  }
  return found;
}
