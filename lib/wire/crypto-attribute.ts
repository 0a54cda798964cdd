/*
 * The value of `a=crypto` (RFC 4568 section 9.1), to an object and back. It knows the grammar and no suites. What it read is quoted in
 * no error: it might be a key.
 */
import { decodeBase64, encodeBase64 } from './base64.js';
import { refuse, succeed, type Result } from './result.js';

export interface CryptoAttribute {
  /** By which the answer names the one of the offer's that it takes. */
  readonly tag: number;
  readonly suite: string;
  /** At least one; with several each has an MKI. */
  readonly keys: readonly CryptoKey[];
  /** Names of session parameters that must be understood, as they stand there: who does not keep one, refuses the attribute. */
  readonly sessionParams: readonly string[];
}

export interface CryptoKey {
  /** Master key and master salt, one after the other. */
  readonly keyAndSalt: Uint8Array;
  readonly lifetimePackets?: number;
  readonly mki?: Uint8Array;
}

/** Reason: linear work for a line, and more keys than anybody changes in a call. */
const MAX_KEYS = 8;
/** RFC 3711 9.2: no key serves longer. */
const MAX_LIFETIME_POWER = 48;
const MAX_MKI_SIZE_BYTES = 128;

const TAG = /^[0-9]{1,9}$/;
const SUITE = /^[A-Za-z0-9_]{1,64}$/;
const LIFETIME = /^(?:2\^([0-9]{1,2})|([0-9]{1,15}))$/;
const MKI = /^([0-9]{1,9}):([0-9]{1,3})$/;
const PARAM = /^[!-~]{1,255}$/;

/** Reads what follows `a=crypto:`. Error codes: `crypto-tag`, `crypto-suite`, `crypto-key`, `crypto-param`. */
export function parseCrypto(value: string): Result<CryptoAttribute> {
  const [tag = '', suite = '', keyText = '', ...params] = value.split(/ +/);
  if (!TAG.test(tag)) return refuse('crypto-tag', 0, 'the tag is not 1 to 9 digits');
  if (!SUITE.test(suite)) return refuse('crypto-suite', tag.length + 1, 'the suite is no name');
  const keyTexts = keyText.split(';');
  const keys = keyTexts.length > MAX_KEYS ? [] : keyTexts.map(parseKey);
  const known = keys.filter((key) => key !== undefined);
  const isComplete = known.length === keyTexts.length;
  if (!isComplete || (known.length > 1 && known.some(({ mki }) => mki === undefined)))
    return refuse('crypto-key', tag.length + suite.length + 2, 'the key is not inline:… as RFC 4568 has it');
  if (!params.every((param) => PARAM.test(param)))
    return refuse('crypto-param', value.length, 'a session parameter is not printable');
  // An extension that begins with `-` may be left out of account.
  const sessionParams = params.filter((param) => !param.startsWith('-'));
  return succeed({ tag: Number(tag), suite, keys: known, sessionParams });
}

function parseKey(text: string): CryptoKey | undefined {
  if (!/^inline:/i.test(text)) return undefined;
  const [keyText = '', ...rest] = text.slice('inline:'.length).split('|');
  const keyAndSalt = decodeBase64(keyText);
  if (!keyAndSalt || keyAndSalt.length === 0 || rest.length > 2) return undefined;
  const [first, second] = rest;
  const lifetimePackets = first === undefined ? undefined : parseLifetime(first);
  const mkiText = second ?? (lifetimePackets === undefined ? first : undefined);
  const mki = mkiText === undefined ? undefined : parseMki(mkiText);
  const isRead = (second === undefined || lifetimePackets !== undefined) && (mkiText === undefined || mki);
  if (!isRead) return undefined;
  return { keyAndSalt, ...(lifetimePackets !== undefined && { lifetimePackets }), ...(mki && { mki }) };
}

function parseLifetime(text: string): number | undefined {
  const [, power, packets] = LIFETIME.exec(text) ?? [];
  const lifetime = power === undefined ? Number(packets ?? NaN) : 2 ** Number(power);
  return lifetime >= 1 && lifetime <= 2 ** MAX_LIFETIME_POWER ? lifetime : undefined;
}

/** The number in as many bytes as it says. */
function parseMki(text: string): Uint8Array | undefined {
  const [, number, size] = MKI.exec(text) ?? [];
  const [value, sizeBytes] = [Number(number), Number(size)];
  if (!(sizeBytes >= 1 && sizeBytes <= MAX_MKI_SIZE_BYTES) || value >= 256 ** sizeBytes) return undefined;
  const mki = new Uint8Array(sizeBytes);
  for (let at = sizeBytes - 1, rest = value; rest > 0; at--, rest = Math.floor(rest / 256))
    mki[at] = rest % 256;
  return mki;
}

/** The line `a=crypto:…` without a line end, of one key without lifetime and MKI. */
export function formatCrypto(tag: number, suite: string, keyAndSalt: Uint8Array): string {
  return `a=crypto:${tag} ${suite} inline:${encodeBase64(keyAndSalt)}`;
}
