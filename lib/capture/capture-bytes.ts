/*
 * The bytes of a capture file, piece by piece: of a file or of standard input, as they are or packed by gzip, which is
 * recognised by its first bytes and not by a name. It does not know what a capture looks like.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** RFC 1952 section 2.3.1. */
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/** What gzip cannot unpack: the file is damaged, or ends too early. */
export class GzipDamage extends Error {
  override readonly name = 'GzipDamage';
}

/**
 * `-` is standard input. Pieces are of about `chunkBytes`; each holds until the next one is asked for. Rejects with Node's own
 * error for what cannot be opened or read, and with `GzipDamage`.
 */
export async function* readBytes(path: string | URL, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const plain = path === '-' ? readStandardInput() : readFile(path, chunkBytes);
  try {
    let begun: Uint8Array = new Uint8Array();
    // A pipe may give one byte at first.
    while (begun.length < GZIP_MAGIC.length) {
      const next = await plain.next();
      if (next.done) break;
      begun = begun.length === 0 ? next.value : Buffer.concat([begun, next.value]);
    }
    if (GZIP_MAGIC.every((byte, i) => begun[i] === byte)) {
      yield* unpack(begun, plain, chunkBytes);
      return;
    }
    if (begun.length > 0) yield begun;
    yield* plain;
  } finally {
    await plain.return(undefined);
  }
}

async function* readFile(path: string | URL, chunkBytes: number): AsyncGenerator<Uint8Array, undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const chunk = new Uint8Array(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes);
      if (bytesRead === 0) return undefined;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file?.close();
  }
}

async function* readStandardInput(): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of process.stdin) yield chunk as Uint8Array;
  return undefined;
}

/** A packed file may unpack to any size: pieces of it are in memory, never the whole. */
async function* unpack(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, undefined>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array> {
  const packed = async function* () {
    // The stream keeps what it is given.
    yield Uint8Array.from(first);
    for await (const chunk of rest) yield Uint8Array.from(chunk);
  };
  const unpacked = createGunzip({ chunkSize: chunkBytes });
  // What goes wrong is told by the reading below.
  pipeline(Readable.from(packed(), { objectMode: false }), unpacked, () => undefined);
  try {
    for await (const chunk of unpacked) yield chunk as Uint8Array;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    throw new GzipDamage('what gzip packed here is damaged, or ends too early');
  }
}
