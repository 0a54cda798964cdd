/**
 * The users of a server, as a text of one line each: `NAME:REALM:ALGORITHM:HA1:ROOMS`. HA1s stand in it and no passwords, yet who
 * reads one can call in that name: the file is for its owner alone. Reads and writes the text; opens no file.
 */
import { timingSafeEqual } from 'node:crypto';
import { digestHa1, isDigestAlgorithm } from './digest.js';
import type { DigestAlgorithm, DigestUser } from './digest.js';

/** Rooms are parted by commas; `*` stands for all. */
const ANY_ROOM = '*';
const NAME = /^[^\s:,"\\]{1,64}$/;
const ROOM = /^[^\s:,]{1,128}$/;
const HEX_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { 'SHA-512-256': 64, 'SHA-256': 64, MD5: 32 };

export interface SipUser extends DigestUser {
  readonly name: string;
  readonly realm: string;
  /** The rooms that the user may call; undefined: all. */
  readonly rooms: ReadonlySet<string> | undefined;
}

export type ParsedUsers =
  | { readonly ok: true; readonly users: ReadonlyMap<string, SipUser> }
  /** `line` counts from 1. What the line holds is not repeated. */
  | { readonly ok: false; readonly line: number; readonly message: string };

/** Reads the text of a users' file; only the entries of one realm. Empty lines and those that begin with `#` say nothing. */
export function parseUsers(text: string, realm: string): ParsedUsers {
  const users = new Map<string, SipUser>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const user = parseUser(line);
    if (typeof user === 'string') return { ok: false, line: index + 1, message: user };
    if (user.realm !== realm) continue;
    if (users.has(user.name)) return { ok: false, line: index + 1, message: 'this name stands there before' };
    users.set(user.name, user);
  }
  return { ok: true, users };
}

function parseUser(line: string): SipUser | string {
  const [name = '', realm = '', algorithm = '', ha1 = '', rooms = ANY_ROOM, ...rest] = line.split(':');
  if (rest.length > 0) return 'too many fields: NAME:REALM:ALGORITHM:HA1:ROOMS';
  if (!NAME.test(name) || realm === '') return 'a line is NAME:REALM:ALGORITHM:HA1:ROOMS';
  if (!isDigestAlgorithm(algorithm)) return 'the algorithm is SHA-256, SHA-512-256 or MD5';
  if (!/^[0-9a-f]+$/.test(ha1) || ha1.length !== HEX_LENGTHS[algorithm])
    return `a HA1 of ${algorithm} is ${HEX_LENGTHS[algorithm]} hexadecimal digits`;
  const names = rooms.split(',');
  if (rooms !== ANY_ROOM && !names.every((room) => ROOM.test(room))) return 'rooms are NAME,NAME,… or *';
  return { name, realm, algorithm, ha1, rooms: rooms === ANY_ROOM ? undefined : new Set(names) };
}

/**
 * Whether this is the user's password, for schemes that send it as it is (Basic, RFC 7617). It takes as long where nobody has the
 * name, and says no.
 */
export function isPassword(
  user: SipUser | undefined,
  { name, realm, password }: Pick<NewUser, 'name' | 'realm' | 'password'>,
): boolean {
  const ha1 = Buffer.from(digestHa1(user?.algorithm ?? 'SHA-256', name, realm, password));
  const wanted = user ? Buffer.from(user.ha1) : Buffer.alloc(ha1.length);
  return timingSafeEqual(ha1, wanted) && user !== undefined;
}

/** What a `Basic` Authorization says (RFC 7617): name and password. Undefined for what is none. */
export function readBasic(authorization: string | undefined): [string, string] | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}

export interface NewUser {
  readonly name: string;
  readonly realm: string;
  readonly algorithm: DigestAlgorithm;
  readonly password: string;
  readonly rooms: readonly string[] | undefined;
}

/** Why such a user cannot be written; undefined where it can. */
export function userFault({
  name,
  realm,
  rooms,
}: Omit<NewUser, 'password' | 'algorithm'>): string | undefined {
  if (!NAME.test(name))
    return 'a name has 1 to 64 characters, none of them a space, colon, comma, quote or backslash';
  if (realm === '' || /[:\r\n"\\]/.test(realm)) return 'a realm has no colon, quote, backslash or line break';
  if (rooms && (rooms.length === 0 || !rooms.every((room) => ROOM.test(room))))
    return 'rooms are NAME,NAME,…';
  return undefined;
}

/** The text with this user's line put in the place of the one before, or at the end; undefined `user`: taken out. */
export function writeUser(text: string, name: string, realm: string, user: NewUser | undefined): string {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith(`${name}:${realm}:`));
  if (user) {
    const { algorithm, password, rooms } = user;
    const ha1 = digestHa1(algorithm, name, realm, password);
    lines.push([name, realm, algorithm, ha1, rooms?.join(',') ?? ANY_ROOM].join(':'));
  }
  return lines.map((line) => `${line}\n`).join('');
}
