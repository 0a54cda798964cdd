import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { formatChallenge, formatLatch, parseChallenge, parseLatch } from '../../lib/wire/latch-attribute.js';
import type { LatchAttribute } from '../../lib/wire/latch-attribute.js';

const TAG = 'Xk3pQ7vT0aLm';
const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const WORD = 'gK0Tr7sQgq2cp66IN9sEHw';
const BARE = `1 ${TAG} ${SECRET}`;
const FULL = `${BARE} suites=HMAC-SHA-256,AES-256,x~1 suite=AES-256 kid=key-2026_01 keepalive=15 later=a=b,c`;

/** The ABNF of protocol.md 2 once more, as one expression: an oracle that shares nothing with the parser. */
const TOKEN = "[A-Za-z0-9!#$%&'*+\\-.^_`{|}~]+";
const KNOWN = 'suites|suite|kid|keepalive';
const ABNF = new RegExp(
  `^1 [A-Za-z0-9]{8,32} [A-Za-z0-9_-]{42}[AEIMQUYcgkosw048](?: (?:suites=${TOKEN}(?:,${TOKEN})*|suite=${TOKEN}|` +
    `kid=[A-Za-z0-9_-]{1,64}|keepalive=(?:0?[5-9]|[1-5][0-9]|60)|(?!(?:${KNOWN})=)${TOKEN}=[!-~]+))*$`,
);

function matchesAbnf(value: string): boolean {
  const names = value.split(' ').map((word) => word.split('=')[0]);
  const params = names.slice(3);
  return ABNF.test(value) && new Set(params).size === params.length;
}

function parsed(value: string): LatchAttribute {
  const result = parseLatch(value);
  assert.ok(result.ok, `refused: ${JSON.stringify(result)}`);
  assert.ok(result.value !== undefined, 'read as absent');
  return result.value;
}

describe('a=latch', () => {
  it('reads every field', () => {
    assert.deepEqual(parsed(FULL), {
      version: 1,
      tag: TAG,
      secret: Uint8Array.from(Buffer.from(SECRET, 'base64url')),
      suitesText: 'HMAC-SHA-256,AES-256,x~1',
      suites: ['HMAC-SHA-256', 'AES-256', 'x~1'],
      suite: 'AES-256',
      kid: 'key-2026_01',
      keepaliveS: 15,
    });
  });

  it('leaves out what is not there', () => {
    const attribute = parsed(BARE);
    assert.deepEqual(Object.keys(attribute).sort(), ['secret', 'tag', 'version']);
    assert.equal(attribute.secret.length, 32);
  });

  it('keeps the suites exactly as sent, unknown and repeated ones too', () => {
    const attribute = parsed(`${BARE} suites=NEW,hmac-sha-256,NEW,AES-256`);
    assert.equal(attribute.suitesText, 'NEW,hmac-sha-256,NEW,AES-256');
    assert.deepEqual(attribute.suites, ['NEW', 'hmac-sha-256', 'NEW', 'AES-256']);
  });

  it('takes parameters in any order, and any extension', () => {
    const attribute = parsed(`${BARE} __proto__=1 x=~!"(),/ keepalive=05 constructor=y suites=A`);
    assert.equal(attribute.keepaliveS, 5);
    assert.equal(attribute.suitesText, 'A');
    assert.equal(Object.getPrototypeOf(attribute), Object.prototype);
  });

  for (const value of [
    '0',
    '2',
    '01',
    '10',
    '11 x',
    '2 garbage',
    '2;other=1',
    '3\u0000',
    '99999999999999999999',
    `2 ${TAG} ${SECRET} `,
  ]) {
    it(`is absent, not malformed, in version ${JSON.stringify(value.slice(0, 12))}`, () => {
      assert.deepEqual(parseLatch(value), { ok: true, value: undefined });
    });
  }

  const tag = (length: number) => 'a1B2c3D4'.repeat(5).slice(0, length);
  const rows: readonly (readonly [title: string, value: string, code: string, offset: number])[] = [
    ['nothing', '', 'latch-version', 0],
    ['no number', 'one two', 'latch-version', 0],
    ['a space first', ` ${BARE}`, 'latch-version', 0],
    ['a number with a letter', `1x ${TAG} ${SECRET}`, 'latch-version', 0],
    ['a tab', `1\t${TAG} ${SECRET}`, 'latch-version', 0],
    ['version only', '1', 'latch-tag', 2],
    ['no tag', '1 ', 'latch-tag', 2],
    ['two spaces', `1  ${TAG} ${SECRET}`, 'latch-tag', 2],
    ['a tag of 7', `1 ${tag(7)} ${SECRET}`, 'latch-tag', 2],
    ['a tag of 33', `1 ${tag(33)} ${SECRET}`, 'latch-tag', 2],
    ['a tag with a dash', `1 abcd-efgh ${SECRET}`, 'latch-tag', 2],
    ['a tag with a letter beyond ASCII', `1 abcdefg\u00e9 ${SECRET}`, 'latch-tag', 2],
    ['no secret', `1 ${TAG}`, 'latch-secret', 15],
    ['an empty secret', `1 ${TAG} `, 'latch-secret', 15],
    ['a secret of 42', `1 ${TAG} ${SECRET.slice(1)}`, 'latch-secret', 15],
    ['a secret of 44', `1 ${TAG} A${SECRET}`, 'latch-secret', 15],
    ['padding', `1 ${TAG} ${SECRET}=`, 'latch-secret', 15],
    ['padding within 43', `1 ${TAG} ${SECRET.slice(1)}=`, 'latch-secret', 15],
    ['base64, not base64url', `1 ${TAG} ${SECRET.replace('_', '/')}`, 'latch-secret', 15],
    ['unused bits set', `1 ${TAG} ${SECRET.slice(0, 42)}J`, 'latch-secret', 15],
    ['a space at the end', `${BARE} `, 'latch-param', 59],
    ['two spaces before a parameter', `${BARE}  suites=A`, 'latch-param', 59],
    ['a word without =', `${BARE} suites`, 'latch-param', 59],
    ['no name', `${BARE} =x`, 'latch-param', 59],
    ['no value', `${BARE} x=`, 'latch-param', 59],
    ['a name that is no token', `${BARE} a/b=1`, 'latch-param', 59],
    ['a value with a character beyond ASCII', `${BARE} x=\u00e9`, 'latch-param', 59],
    ['a value with a control character', `${BARE} x=a\u0007`, 'latch-param', 59],
    ['an extension given twice', `${BARE} x=1 y=2 x=3`, 'latch-param', 67],
    ['suites given twice', `${BARE} suites=A suites=B`, 'latch-param', 68],
    ['an empty name in suites', `${BARE} suites=A,,B`, 'latch-param', 59],
    ['a comma at the end of suites', `${BARE} suites=A,`, 'latch-param', 59],
    ['a suite that is no token', `${BARE} suites=A/B`, 'latch-param', 59],
    ['suite with two names', `${BARE} suite=A,B`, 'latch-param', 59],
    ['suite given twice', `${BARE} suite=A suite=A`, 'latch-param', 67],
    ['kid with a dot', `${BARE} kid=a.b`, 'latch-param', 59],
    ['kid of 65', `${BARE} kid=${'k'.repeat(65)}`, 'latch-param', 59],
    ['kid given twice', `${BARE} kid=a kid=a`, 'latch-param', 65],
    ['keepalive 4', `${BARE} keepalive=4`, 'latch-param', 59],
    ['keepalive 61', `${BARE} keepalive=61`, 'latch-param', 59],
    ['keepalive of three digits', `${BARE} keepalive=015`, 'latch-param', 59],
    ['keepalive with a sign', `${BARE} keepalive=+9`, 'latch-param', 59],
    ['keepalive as a fraction', `${BARE} keepalive=9.`, 'latch-param', 59],
    ['keepalive given twice', `${BARE} keepalive=15 keepalive=15`, 'latch-param', 72],
  ];
  for (const [title, value, code, offset] of rows) {
    it(`refuses ${title}`, () => {
      const result = parseLatch(value);
      assert.ok(!result.ok);
      assert.equal(result.error.code, code);
      assert.equal(result.error.offset, offset);
      assert.equal(matchesAbnf(value), false);
    });
  }

  for (const value of [
    `1 ${tag(8)} ${SECRET}`,
    `1 ${tag(32)} ${SECRET}`,
    `${BARE} kid=${'k'.repeat(64)}`,
    `${BARE} keepalive=5`,
    `${BARE} keepalive=60`,
  ]) {
    it(`takes the limits of the ABNF (${value.length} characters)`, () => {
      assert.equal(matchesAbnf(value), true);
      parsed(value);
    });
  }

  it('takes exactly the characters of a token and of a value', () => {
    const characters = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code));
    const taken = (value: (character: string) => string) =>
      characters.filter((character) => parseLatch(value(character)).ok).join('');
    const separators = /[^\x21-\x7e]|["(),/:;<=>?@[\\\]]/g; // RFC 2045 section 5.1, as RFC 8866 has it
    const token = characters.join('').replace(separators, '');
    assert.equal(
      taken((character) => `${BARE} suite=${character}`),
      token,
    );
    // `x==x=1` is well-formed too: a value may hold any number of `=`.
    const names = taken((character) => `${BARE} x${character}x=1`);
    assert.equal(names.replace('=', ''), token);
    assert.equal(taken((character) => `${BARE} x=${character}`).length, 0x7e - 0x21 + 1);
  });

  it('agrees with the ABNF on every truncation, and says nothing of what it read', () => {
    for (let length = 0; length <= FULL.length; length++) {
      const value = FULL.slice(0, length);
      const result = parseLatch(value);
      assert.equal(result.ok, matchesAbnf(value), value);
      if (result.ok) continue;
      for (const secret of [TAG, SECRET.slice(0, 6), 'key-2026']) {
        assert.ok(!result.error.message.includes(secret), result.error.message);
      }
    }
  });

  it('agrees with the ABNF on mutations', () => {
    const character = fc.constantFrom(...' =,-_aZ09~/\t\u00e9\u2028', 'suites=', 'kid=', ' keepalive=7');
    const edit = fc.tuple(fc.nat(FULL.length), fc.nat(3), fc.option(character));
    let refused = 0;
    let taken = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(BARE, FULL),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        (base, edits) => {
          let value = base;
          for (const [at, removed, added] of edits)
            value = value.slice(0, at) + (added ?? '') + value.slice(at + removed);
          const result = parseLatch(value);
          if (/^[0-9]+/.test(value) && !/^1([^0-9]|$)/.test(value)) {
            assert.deepEqual(result, { ok: true, value: undefined });
            return;
          }
          if (result.ok) taken++;
          else refused++;
          assert.equal(result.ok, matchesAbnf(value), value);
        },
      ),
      { numRuns: 3000 },
    );
    assert.ok(refused > 100 && taken > 100, `one-sided: ${refused} refused, ${taken} taken`);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        parseLatch(text);
        parseLatch(`1 ${text}`);
        parseLatch(`${BARE} ${text}`);
        parseChallenge(text);
      }),
    );
  });

  it('takes a megabyte of extensions', () => {
    const params = Array.from({ length: 100_000 }, (_, i) => `x${i}=1`).join(' ');
    assert.equal(parsed(`${BARE} ${params}`).tag, TAG);
    assert.equal(parseLatch(`${BARE} ${params} x7=1`).ok, false);
  });

  it('is written as it is read', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,12}$/);
    const attribute = fc.record(
      {
        version: fc.constant(1 as const),
        tag: fc.stringMatching(/^[A-Za-z0-9]{8,32}$/),
        secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        suites: fc.array(token, { minLength: 1, maxLength: 4 }),
        suite: token,
        kid: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
        keepaliveS: fc.integer({ min: 5, max: 60 }),
      },
      { requiredKeys: ['version', 'tag', 'secret'] },
    );
    fc.assert(
      fc.property(attribute, (made) => {
        const line = formatLatch(made);
        assert.ok(line.startsWith('a=latch:1 '));
        const { suitesText, ...read } = parsed(line.slice('a=latch:'.length));
        assert.deepEqual({ ...read, secret: [...read.secret] }, { ...made, secret: [...made.secret] });
        assert.equal(suitesText, made.suites?.join(','));
      }),
    );
  });

  it('is written with the suites text as sent where there is one', () => {
    const attribute = { ...parsed(BARE), suitesText: 'B,A', suites: ['A'] };
    assert.equal(formatLatch(attribute), `a=latch:${BARE} suites=B,A`);
  });
});

describe('a=latch-challenge', () => {
  it('reads and writes the 16 bytes of a word', () => {
    const result = parseChallenge(WORD);
    assert.ok(result.ok);
    assert.deepEqual([...result.value], [...Buffer.from(WORD, 'base64url')]);
    assert.equal(result.value.length, 16);
    assert.equal(formatChallenge(result.value), `a=latch-challenge:${WORD}`);
  });

  it('refuses every other length, other alphabets and unused bits', () => {
    const wrong = [
      `${WORD}A`,
      `${WORD.slice(0, 21)}x`,
      `${WORD.slice(0, 21)}=`,
      `${WORD.slice(0, 21)}/`,
      `${WORD} `,
    ];
    for (let length = 0; length < WORD.length; length++) wrong.push(WORD.slice(0, length));
    for (const value of wrong) {
      const result = parseChallenge(value);
      assert.ok(!result.ok, value);
      assert.equal(result.error.code, 'latch-challenge');
      assert.ok(!result.error.message.includes(WORD.slice(0, 6)));
    }
  });

  it('takes exactly the last characters whose unused bits are zero', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const taken = [...alphabet].filter((last) => parseChallenge(WORD.slice(0, 21) + last).ok);
    assert.deepEqual(taken, ['A', 'Q', 'g', 'w']);
    const secrets = [...alphabet].filter((last) => parseLatch(`1 ${TAG} ${SECRET.slice(0, 42)}${last}`).ok);
    assert.equal(secrets.join(''), 'AEIMQUYcgkosw048');
  });
});

describe('the attribute lines of the shared vectors', () => {
  interface Side {
    readonly tag: string;
    readonly secret: string;
  }
  interface Case {
    readonly name: string;
    readonly offeredSuites: string;
    readonly suite: string;
    readonly kid: { readonly id: string } | null;
    readonly offerer: Side;
    readonly answerer: Side;
    readonly attributes: { readonly offer: string; readonly answer: string; readonly challenge: string };
    readonly sdpWord: string;
  }
  const file = new URL('../../../shared/vectors/latch-v1.json', import.meta.url);

  it('are read and written to the byte', function () {
    if (!existsSync(file)) {
      console.log('      skipped: ../shared/vectors is not there');
      this.skip();
    }
    const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] };
    assert.ok(cases.length > 0);
    for (const { name, offeredSuites, suite, kid, offerer, answerer, attributes, sdpWord } of cases) {
      const expected = (side: Side) => ({ version: 1, tag: side.tag, secret: side.secret });
      const shown = (attribute: LatchAttribute) => ({
        ...attribute,
        secret: Buffer.from(attribute.secret).toString('base64url'),
      });
      const named = kid === null ? {} : { kid: kid.id };
      const offer = parsed(attributes.offer.slice('a=latch:'.length));
      const suites = offeredSuites.split(',');
      assert.deepEqual(
        shown(offer),
        { ...expected(offerer), suitesText: offeredSuites, suites, ...named },
        name,
      );
      assert.equal(formatLatch(offer), attributes.offer, name);
      const answer = parsed(attributes.answer.slice('a=latch:'.length));
      assert.deepEqual(shown(answer), { ...expected(answerer), suite, keepaliveS: 15, ...named }, name);
      assert.equal(formatLatch(answer), attributes.answer, name);
      const word = parseChallenge(attributes.challenge.slice('a=latch-challenge:'.length));
      assert.ok(word.ok, name);
      assert.equal(Buffer.from(word.value).toString('hex'), sdpWord, name);
      assert.equal(formatChallenge(word.value), attributes.challenge, name);
    }
  });
});
