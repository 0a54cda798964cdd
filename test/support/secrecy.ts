// Looks for key material in whatever can be printed. A secret is found in hex, base64, base64url, as a list of
// numbers (how an array prints) or as raw text, whole or in part.
import { inspect } from 'node:util';
import type { Generation } from './oracle.js';

/** Everything that a log could hold of a value: as inspected to any depth, as JSON, and as a string. */
export function printings(value: unknown): string[] {
  const seen = inspect(value, {
    depth: 30,
    showHidden: true,
    maxArrayLength: null,
    maxStringLength: null,
    getters: true,
  });
  const texts = [seen, inspect(value)];
  try {
    texts.push(JSON.stringify(value) ?? '');
  } catch {
    // A value that refers to itself has no JSON, so none can leak.
  }
  if (value instanceof Error) texts.push(value.message, value.stack ?? '');
  return texts;
}

/** Half of the bytes is already too much. */
function spellings(secret: Uint8Array): string[] {
  const part = Buffer.from(secret.subarray(0, Math.max(8, secret.length / 2)));
  const aligned = part.subarray(0, part.length - (part.length % 3));
  return [
    part.toString('hex'),
    [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
    aligned.toString('base64'),
    aligned.toString('base64url'),
    part.toString('latin1'),
    part.join(', '),
    part.join(','),
  ];
}

/** The first spelling of a secret found in any of the texts, or undefined. */
export function findLeak(
  texts: readonly string[],
  secrets: ReadonlyMap<string, Uint8Array>,
): string | undefined {
  // Arrays print with line breaks between the numbers.
  const plain = new Set([...new Set(texts)].flatMap((text) => [text, text.replaceAll(/\s+/g, ' ')]));
  for (const [name, secret] of secrets) {
    const leaked = spellings(secret).find((spelling) => [...plain].some((text) => text.includes(spelling)));
    if (leaked !== undefined) return `${name} as ${leaked}`;
  }
  return undefined;
}

export function secretsOf(generation: Generation, number = 0): [string, Uint8Array][] {
  return [
    [`K_integrity ${number}`, generation.integrity],
    [`K_proof ${number}`, generation.proof],
  ];
}
