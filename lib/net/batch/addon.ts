// The addon that batches system calls (addon.c), if there is one for this machine. It is optional: without it node:dgram does the
// same, one datagram at a time.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Layout of the tables that are shared with addon.c, and its bounds. */
export const RECEIVED_MAX = 64;
export const SENT_MAX = 1024;
export const READY_MAX = 256;
/** Words of an entry: the fields of a datagram that was received, or is to be sent. */
export const ENTRY_WORDS = 8;

export const LOOP = Symbol.for('latchkey.batch-loop');

/** Keys of SRTP, which JavaScript cannot read. */
export type SrtpContext = object & { readonly srtpContext: never };

/** What addon.c and srtp.c export; what stands there is not repeated here. Codes of the system's are negative. */
export interface Addon {
  /** The one that was started (batch-loop.ts): a second copy of the modules gets the same file, and so the same addon. */
  [LOOP]?: unknown;
  start(onReady: (count: number) => number, received: Uint32Array, ready: Uint32Array): void;
  open(isIpv6: 0 | 1, address: Uint8Array, port: number, zone: number, receiveBufferBytes: number): number;
  port(fd: number): number;
  listen(isOn: 0 | 1): void;
  watch(fd: number, events: number): void;
  close(fd: number): void;
  drops(fd: number): number;
  zone(name: string): number;
  zoneName(zone: number): string;
  receive(fd: number, block: Uint8Array, offset: number): number;
  copy(block: Uint8Array, from: number): void;
  send(
    fd: number,
    isIpv6: 0 | 1,
    table: Uint32Array,
    count: number,
    takesSegments: 0 | 1,
    ...packets: readonly Uint8Array[]
  ): number;
  gather(microseconds: number): void;
  srtpNew(
    isGcm: 0 | 1,
    isRtcp: 0 | 1,
    tagSizeBytes: number,
    cipherKey: Uint8Array,
    authKey: Uint8Array,
    salt: Uint8Array,
  ): SrtpContext | undefined;
  srtpSeal(
    context: SrtpContext,
    packet: Uint8Array,
    into: Uint8Array,
    clearSizeBytes: number,
    ssrc: number,
    index: number,
    mki: Uint8Array,
  ): boolean;
  srtpOpen(
    context: SrtpContext,
    sealed: Uint8Array,
    into: Uint8Array,
    clearSizeBytes: number,
    ssrc: number,
    index: number,
    mkiSizeBytes: number,
  ): boolean;
  srtpForget(context: SrtpContext): void;
  hmac(key: Uint8Array, message: Uint8Array, digest: Uint8Array): boolean;
}

/** Beside this file where the package is built; from the sources, where the build has put it. */
const PLACES = ['./', '../../../dist/lib/net/batch/'];

type Found = { readonly addon: Addon } | { readonly reason: string };

let found: Found | undefined;

/** The addon, or why there is none. Looked for once. */
export function findAddon(): Found {
  found ??= load();
  return found;
}

/** What was made for another libc or machine is refused by the loader of the system, and what lacks anything too. */
function load(): Found {
  const { platform, arch } = process;
  if (platform !== 'linux') return { reason: `there is none for ${platform}` };
  const require = createRequire(import.meta.url);
  const names = [`${platform}-${arch}.node`, `${platform}-musl-${arch}.node`];
  const reasons = new Set<string>();
  for (const name of names)
    for (const place of PLACES) {
      const path = fileURLToPath(new URL(place + name, import.meta.url));
      if (!existsSync(path)) continue;
      try {
        return { addon: require(path) as Addon };
      } catch (error) {
        reasons.add(`${name}: ${reasonOf(error, path)}`);
      }
    }
  return { reason: [...reasons].join('; ') || `there is no ${names[0]}` };
}

/** Without the folders of whoever runs it. */
function reasonOf(error: unknown, path: string): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
  return line.replaceAll(`${path}: `, '').replaceAll(dirname(path) + sep, '');
}
