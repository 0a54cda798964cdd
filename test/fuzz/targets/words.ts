// Small texts: the attributes of ours, addresses, ranges and base64url. The first byte says what the rest is read as, so
// that a change stays within one reader.
import { formatIp, isSameAddress, normaliseIp, parseIp } from '../../../lib/wire/address.js';
import { decodeBase64url, encodeBase64url } from '../../../lib/wire/base64url.js';
import { ipRange } from '../../../lib/wire/ip-range.js';
import {
  formatChallenge,
  formatLatch,
  parseChallenge,
  parseLatch,
} from '../../../lib/wire/latch-attribute.js';
import { isIP } from 'node:net';
import { fromLatin1, hold, latin1 } from '../target.js';
import type { Target } from '../target.js';

const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const WORD = 'gK0Tr7sQgq2cp66IN9sEHw';

const READERS: readonly ((text: string) => void)[] = [
  checkLatch,
  checkChallenge,
  checkAddress,
  checkBase64url,
];

function run(bytes: Uint8Array): void {
  READERS[(bytes[0] ?? 0) % READERS.length]?.(latin1(bytes.subarray(1)));
}

function checkLatch(text: string): void {
  const parsed = parseLatch(text);
  if (!parsed.ok) {
    const { code, offset, message } = parsed.error;
    hold(/^latch-(version|tag|secret|param)$/.test(code), `a code like "${code}"`);
    hold(offset >= 0 && offset <= text.length + 1, 'an offset outside of the text');
    hold(!text.includes(SECRET) || !message.includes(SECRET), 'a refusal tells the secret');
    return;
  }
  const { value } = parsed;
  if (value === undefined) {
    hold(!text.startsWith('1 '), 'version 1 is taken for another');
    return;
  }
  hold(/^[A-Za-z0-9]{8,32}$/.test(value.tag) && value.secret.length === 32, 'a tag or secret that is none');
  const line = formatLatch(value);
  hold(/^a=latch:[\x21-\x7e ]+$/.test(line), 'a line that is no line');
  const again = parseLatch(line.slice('a=latch:'.length));
  hold(again.ok && again.value !== undefined, 'what was written cannot be read');
  for (const name of ['tag', 'secret', 'suitesText', 'suites', 'suite', 'kid', 'keepaliveS'] as const)
    hold(String(again.value[name]) === String(value[name]), `${name} is another when written and read`);
  hold(
    text.startsWith(line.slice('a=latch:'.length, 'a=latch:'.length + 2 + value.tag.length + 44)),
    'another tag',
  );
}

function checkChallenge(text: string): void {
  const parsed = parseChallenge(text);
  if (parsed.ok)
    hold(formatChallenge(parsed.value) === `a=latch-challenge:${text}`, 'a word with two spellings');
}

function checkAddress(text: string): void {
  const bytes = parseIp(text);
  const normal = normaliseIp(text);
  hold(normaliseIp(normal) === normal, 'the normal form is not normal');
  // Zones are named by systems, and Node takes more of them than we do.
  if (!text.includes('%'))
    hold((bytes !== undefined) === (isIP(text) !== 0), () => `Node says ${isIP(text)} of "${text}"`);
  const { range } = ipRange(text);
  hold(typeof range === 'string', 'no range');
  if (!bytes) {
    hold(normal === text, 'what is no address is changed');
    return;
  }
  hold(bytes.length === 4 || bytes.length === 16, 'an address of another length');
  const printed = formatIp(bytes);
  hold(isIP(printed) !== 0, 'what is printed is no address');
  const zone = bytes.length === 4 || !text.includes('%') ? '' : text.slice(text.indexOf('%'));
  hold(normal === printed + zone, () => `normal "${normal}", printed "${printed}"`);
  const again = parseIp(printed);
  hold(again !== undefined && Buffer.compare(again, bytes) === 0, 'printed and read it is another');
  hold(
    isSameAddress({ address: normal, port: 1 }, { address: normaliseIp(printed + zone), port: 1 }),
    'not the same',
  );
  hold(
    ipRange(printed).range === range,
    () => `${text} is ${range}, ${printed} is ${ipRange(printed).range}`,
  );
}

function checkBase64url(text: string): void {
  const bytes = decodeBase64url(text);
  if (bytes) hold(encodeBase64url(bytes) === text, 'two spellings of the same bytes');
  const own = Buffer.from(text, 'latin1');
  const encoded = encodeBase64url(own);
  hold(encoded === own.toString('base64url'), 'Node encodes it otherwise');
  const again = decodeBase64url(encoded);
  hold(again !== undefined && Buffer.compare(again, own) === 0, 'what was encoded does not decode');
}

const as = (reader: number, text: string): Uint8Array => fromLatin1(String.fromCharCode(reader) + text);

export const target: Target = {
  name: 'words',
  maxBytes: 700,
  dictionary: [
    SECRET,
    WORD,
    ' suites=',
    ' suite=HMAC-SHA-256',
    'AES-256',
    ' kid=',
    ' keepalive=',
    'Xk3pQ7vT0aLm',
    '::ffff:',
    '::',
    'fe80::1%eth0',
    '255.255.255.255',
    '2001:db8:',
    '0:0:0:0:0:0:0:1',
  ],
  *seeds() {
    yield as(0, `1 Xk3pQ7vT0aLm ${SECRET} suites=HMAC-SHA-256,AES-256`);
    yield as(0, `1 Xk3pQ7vT0aLm ${SECRET} suite=AES-256 kid=a-b_c keepalive=15 other=thing`);
    yield as(0, '2 something else');
    yield as(1, WORD);
    for (const address of [
      '192.0.2.1',
      '::1',
      '::ffff:192.0.2.1',
      '2001:db8::1:0:0:1',
      'fe80::1%eth0',
      'ff02::1',
    ])
      yield as(2, address);
    yield as(3, SECRET);
  },
  run,
  work: { base: 3000, perByte: 80 },
};
