import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  GATE_LIMITS,
  GATE_REASONS,
  GateCounters,
  MessageFramer,
  answerRefused,
  examineMessage,
} from '../../lib/sip/index.js';
import type { GateReason, GateRefusal, GateVerdict } from '../../lib/sip/index.js';
import { readSharedFolder, requireShared } from '../wire/shared-material.js';

type Changes = Record<string, string | readonly string[] | undefined>;

function text(start: string, changes: Changes = {}, body = ''): string {
  const method = start.startsWith('SIP/') ? 'INVITE' : start.slice(0, start.indexOf(' '));
  const fields: Changes = {
    Via: 'SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport',
    From: '<sip:a@example.com>;tag=1',
    To: '<sip:b@example.com>',
    'Call-ID': 'c1',
    CSeq: `1 ${method}`,
    ...(method === 'INVITE' && { Contact: '<sip:a@192.0.2.9>' }),
    'Content-Length': String(body.length),
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value = []]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `${start}\r\n${lines.join('')}\r\n${body}`;
}

const OPTIONS = 'OPTIONS sip:b@example.com SIP/2.0';
const INVITE = 'INVITE sip:b@example.com SIP/2.0';

function verdictOf(raw: string): GateVerdict {
  const verdict = examineMessage(raw, GATE_LIMITS);
  assert.ok(verdict, 'taken for a keep-alive');
  return verdict;
}

/** `passes`, or why not, and the status of the answer. */
function outcome(raw: string): string {
  const verdict = verdictOf(raw);
  if (verdict.ok) return 'passes';
  return `${verdict.reason} ${verdict.answerable?.status ?? 'dropped'}`;
}

function messageOf(raw: string) {
  const verdict = verdictOf(raw);
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.message;
}

describe('sip: the gate', () => {
  const cases: Record<string, readonly [string, string]> = {
    'a plain request': [text(OPTIONS), 'passes'],
    'compact forms': [
      text(OPTIONS, {
        Via: undefined,
        v: 'SIP/2.0/UDP h',
        From: undefined,
        f: '<sip:a@b>',
        To: undefined,
        t: 'sip:b@c',
        'Call-ID': undefined,
        i: 'x',
        'Content-Length': undefined,
        l: '0',
      }),
      'passes',
    ],
    'no Max-Forwards, no branch, no From tag (RFC 2543)': [
      text(OPTIONS, { Via: 'SIP/2.0/UDP h', From: 'sip:a@b' }),
      'passes',
    ],
    'another version': [text('OPTIONS sip:b@example.com SIP/7.0'), 'version 505'],
    'another version in a Via': [text(OPTIONS, { Via: 'SIP/3.0/UDP h;branch=x' }), 'version 505'],
    'another version in a response': [text('SIP/3.0 200 OK'), 'version dropped'],
    'CSeq of another method': [text(INVITE, { CSeq: '1 OPTIONS' }), 'cseq-method 400'],
    'CSeq of another method, in an ACK': [
      text('ACK sip:b@example.com SIP/2.0', { CSeq: '1 INVITE' }),
      'cseq-method dropped',
    ],
    'CSeq in lower case': [text(OPTIONS, { CSeq: '1 options' }), 'cseq-method 400'],
    'CSeq too large': [text(OPTIONS, { CSeq: '2147483648 OPTIONS' }), 'header-malformed dropped'],
    'CSeq without a method': [text(OPTIONS, { CSeq: '1' }), 'header-malformed dropped'],
    'CSeq with more': [text(OPTIONS, { CSeq: '1 OPTIONS x' }), 'header-malformed dropped'],
    'a line break escaped in CSeq': [text(OPTIONS, { CSeq: '1 OPTIONS%0d%0aX' }), 'percent dropped'],
    'an escape in the method': [
      text('OPT%49ONS sip:b@example.com SIP/2.0', { CSeq: '1 OPTIONS' }),
      'percent dropped',
    ],
    'an escape in a name': [text(OPTIONS, { '%43all-Info': 'x' }), 'percent 400'],
    'an escape in a URI': [text('OPTIONS sip:%62@example.com SIP/2.0', { To: '<sip:%00@b>' }), 'passes'],
    'no Via': [text(OPTIONS, { Via: undefined }), 'header-missing dropped'],
    'no From': [text(OPTIONS, { From: undefined }), 'header-missing dropped'],
    'no To': [text(OPTIONS, { To: undefined }), 'header-missing dropped'],
    'no Call-ID': [text(OPTIONS, { 'Call-ID': undefined }), 'header-missing dropped'],
    'no CSeq': [text(OPTIONS, { CSeq: undefined }), 'header-missing dropped'],
    'two Call-IDs': [text(OPTIONS, { 'Call-ID': ['b6', 'zz'] }), 'header-twice dropped'],
    'two Call-IDs, one of them compact': [text(OPTIONS, { i: 'c1' }), 'header-twice dropped'],
    'two Froms': [text(OPTIONS, { f: '<sip:c@d>' }), 'header-twice dropped'],
    'two Tos': [text(OPTIONS, { t: '<sip:c@d>' }), 'header-twice dropped'],
    'two CSeqs': [text(OPTIONS, { CSeq: ['1 OPTIONS', '1 OPTIONS'] }), 'header-twice dropped'],
    'three Vias': [
      text(OPTIONS, {
        Via: ['SIP/2.0/UDP a, SIP/2.0/TCP b:5070', 'SIP/2.0/TLS [2001:db8::1]:5061;received=::1'],
      }),
      'passes',
    ],
    'an unreadable Via below': [text(OPTIONS, { Via: ['SIP/2.0/UDP a', ';;;,,,'] }), 'header-malformed 400'],
    'an unreadable Via on top': [
      text(OPTIONS, { Via: [';;;,,,', 'SIP/2.0/UDP a'] }),
      'header-malformed dropped',
    ],
    'a Via with an empty parameter': [
      text(OPTIONS, { Via: 'SIP/2.0/UDP a;;branch=x' }),
      'header-malformed dropped',
    ],
    'a Via with a port of five nines': [
      text(OPTIONS, { Via: 'SIP/2.0/UDP a:99999' }),
      'header-malformed dropped',
    ],
    'a From whose quote is open': [text(OPTIONS, { From: '"A <sip:a@b>;tag=1' }), 'header-malformed dropped'],
    'a From without a URI': [text(OPTIONS, { From: 'alice;tag=1' }), 'header-malformed dropped'],
    'a Call-ID with a space': [text(OPTIONS, { 'Call-ID': 'a b' }), 'header-malformed dropped'],
    'an empty Call-ID': [text(OPTIONS, { 'Call-ID': '' }), 'header-malformed dropped'],
    'an INVITE without Contact': [text(INVITE, { Contact: undefined }), 'header-missing 400'],
    'an INVITE with two Contacts': [text(INVITE, { m: '<sip:c@d>' }), 'header-twice 400'],
    'an INVITE with two Contacts in a line': [
      text(INVITE, { Contact: '<sip:c@d>, <sip:e@f>' }),
      'header-twice 400',
    ],
    'an INVITE with Contact *': [text(INVITE, { Contact: '*' }), 'header-malformed 400'],
    'a 200 to INVITE without Contact': [
      text('SIP/2.0 200 OK', { Contact: undefined }),
      'header-missing dropped',
    ],
    'a 180 and a 486 without Contact': [text('SIP/2.0 486 Busy', { Contact: undefined }), 'passes'],
    'a REGISTER with Contact *': [text('REGISTER sip:b@example.com SIP/2.0', { Contact: '*' }), 'passes'],
    'a status of four digits': [text('SIP/2.0 2000 OK'), 'start-line dropped'],
    'a status of 700': [text('SIP/2.0 700 No'), 'start-line dropped'],
    'no reason': [text('SIP/2.0 100 '), 'passes'],
    'two spaces in the request line': [text('OPTIONS  sip:b@example.com SIP/2.0'), 'start-line 400'],
    'a space in the URI': [text('OPTIONS sip:b@example.com; lr SIP/2.0'), 'start-line 400'],
    'a URI in brackets': [text('OPTIONS <sip:b@example.com> SIP/2.0'), 'start-line 400'],
    'no scheme': [text('OPTIONS b SIP/2.0'), 'start-line 400'],
    HTTP: ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'start-line dropped'],
    'a line without a colon': [text(OPTIONS).replace('To:', 'Nonsense\r\nTo:'), 'header-line 400'],
    'a space in a name': [text(OPTIONS, { 'X Y': 'z' }), 'header-line 400'],
    'white space before the colon': [text(OPTIONS, { 'Subject ': 'z' }), 'passes'],
    'a zero byte': [text(OPTIONS, { Subject: 'a\0b' }), 'control-character 400'],
    'a lone line feed': [text(OPTIONS, { Subject: 'a\nVia: b' }), 'control-character 400'],
    'a lone carriage return': [text(OPTIONS, { Subject: 'a\rb' }), 'control-character 400'],
    'a zero byte in the request line': [
      text('OPTIONS sip:\0@b SIP/2.0', { CSeq: '1 OPTIONS' }),
      'control-character dropped',
    ],
    'a tab and a folded line': [text(OPTIONS, { Subject: 'a\tb\r\n\t c' }), 'passes'],
    'a prototype': [text(OPTIONS, { Contact: '<sip:a@b>;__Proto__' }), 'header-name 400'],
    'a negative length': [text(OPTIONS, { 'Content-Length': '-5' }), 'content-length 400'],
    'a length in words': [text(OPTIONS, { 'Content-Length': 'NaN' }), 'content-length 400'],
    'two lengths': [text(OPTIONS, { l: '5' }), 'content-length 400'],
    'the same length twice': [text(OPTIONS, { l: '0' }), 'passes'],
    'more length than there is': [text(OPTIONS, { 'Content-Length': '9999' }, 'abc'), 'content-length 400'],
    'no length': [text(OPTIONS, { 'Content-Length': undefined }, 'abc'), 'passes'],
    'a long line': [text(OPTIONS, { Subject: 'a'.repeat(8200) }), 'line-size dropped'],
    'a long request line': [text(`OPTIONS sip:${'b'.repeat(8200)} SIP/2.0`), 'line-size dropped'],
    'a long line, folded': [text(OPTIONS, { Subject: 'aaa\r\n '.repeat(2100) + 'a' }), 'line-size dropped'],
    '129 lines': [text(OPTIONS, { X: Array.from({ length: 123 }, () => 'y') }), 'line-count dropped'],
    '128 lines': [text(OPTIONS, { X: Array.from({ length: 122 }, () => 'y') }), 'passes'],
    '129 routes in a line': [
      text(OPTIONS, { Route: Array.from({ length: 123 }, () => '<sip:a>').join(',') }),
      'line-count dropped',
    ],
    'a head beyond 60,480 bytes': [
      text(OPTIONS, { X: Array.from({ length: 10 }, () => 'y'.repeat(8000)) }),
      'head-size dropped',
    ],
    'more than 128 KB': [text(OPTIONS, {}, 'x'.repeat(131_072)), 'message-size dropped'],
    'no empty line': ['OPTIONS sip:b@example.com SIP/2.0\r\nVia: x', 'no-head dropped'],
    'zero bytes only': ['\0'.repeat(100), 'no-head dropped'],
  };
  for (const [name, [raw, expected]] of Object.entries(cases)) {
    it(`${name}: ${expected}`, () => assert.equal(outcome(raw), expected));
  }

  it('has a case for every reason but that of a body', () => {
    const seen = new Set(Object.values(cases).map(([, expected]) => expected.split(' ')[0]));
    const unseen = GATE_REASONS.filter((reason) => !seen.has(reason));
    assert.deepEqual(unseen, ['body-size']);
    for (const changes of [{}, { 'Content-Length': undefined }, { 'Content-Length': '3' }]) {
      const raw = text(OPTIONS, changes, 'x'.repeat(200));
      const verdict = examineMessage(raw, { ...GATE_LIMITS, maxBodyBytes: 100 });
      assert.ok(verdict?.ok === false);
      assert.deepEqual([verdict.reason, verdict.answerable?.status], ['body-size', 413]);
    }
  });

  it('line breaks alone are no message', () => {
    for (const raw of ['', '\r\n', '\r\n\r\n', '\r\n\r\n\r\n\r\n'])
      assert.equal(examineMessage(raw, GATE_LIMITS), undefined);
  });

  it('reads what it lets through as it was sent', () => {
    const raw = text(OPTIONS, {
      Via: 'SIP / 2.0 / UDP  h.example : 5070 ; branch = z9@hG4bK ,SIP/2.0/TLS [::1];ttl="a;,b"',
      From: 'A  B <sip:a@b;x=y>;tag=a@b@c',
      To: '"x, \\"y\\" <z>"<sip:b@c> ; tag = "q;"',
      'Call-ID': 'a@b%0a',
      CSeq: '0009  OPTIONS',
      'Content-Length': undefined,
      l: '3',
    });
    const message = messageOf(`\r\n\r\n${raw}abcd`);
    assert.deepEqual(message.start, { kind: 'request', method: 'OPTIONS', uri: 'sip:b@example.com' });
    assert.deepEqual(message.vias, [
      {
        version: '2.0',
        transport: 'UDP',
        host: 'h.example',
        port: 5070,
        params: [{ name: 'branch', value: 'z9@hG4bK' }],
      },
      {
        version: '2.0',
        transport: 'TLS',
        host: '[::1]',
        port: undefined,
        params: [{ name: 'ttl', value: '"a;,b"' }],
      },
    ]);
    assert.deepEqual(message.from, {
      displayName: 'A  B',
      uri: 'sip:a@b;x=y',
      params: [{ name: 'tag', value: 'a@b@c' }],
    });
    assert.deepEqual(message.to, {
      displayName: '"x, \\"y\\" <z>"',
      uri: 'sip:b@c',
      params: [{ name: 'tag', value: '"q;"' }],
    });
    assert.deepEqual(message.cseq, { seq: 9, method: 'OPTIONS' });
    assert.equal(message.callId, 'a@b%0a');
    assert.equal(message.body, 'abc', 'what is beyond Content-Length is no part of the message');
  });

  it('counts the bytes of a text that has more of them than characters', () => {
    const raw = text(OPTIONS, { 'Content-Length': '4' }, '\u00e9\u20ac').replace('\u20ac', 'e\u0301');
    assert.equal(examineMessage(raw, GATE_LIMITS)?.ok, false);
    assert.equal(examineMessage(raw, GATE_LIMITS, (body) => Buffer.byteLength(body))?.ok, true);
  });

  describe('answers', () => {
    const source = { address: '198.51.100.7', port: 4711 };
    const refused = (raw: string): GateRefusal => {
      const verdict = verdictOf(raw);
      assert.ok(!verdict.ok);
      return verdict;
    };
    const answerTo = (raw: string, bytes = raw.length) => {
      const { answerable, reason } = refused(raw);
      return answerable && answerRefused(answerable, reason, source, 'gate', bytes);
    };

    it('repeat Via, From, To, Call-ID and CSeq, and nothing else of the request', () => {
      const raw = text(INVITE, {
        Via: ['SIP/2.0/UDP 192.0.2.9;rport;branch=z@1;received=9.9.9.9', 'SIP/2.0/TCP p.example;branch=2'],
        CSeq: '7 OPTIONS',
        Subject: 'secret',
      });
      assert.equal(
        answerTo(raw),
        [
          'SIP/2.0 400 Bad Request',
          'Via: SIP/2.0/UDP 192.0.2.9;rport=4711;branch=z@1;received=198.51.100.7',
          'Via: SIP/2.0/TCP p.example;branch=2',
          'From: <sip:a@example.com>;tag=1',
          'To: <sip:b@example.com>;tag=gate',
          'Call-ID: c1',
          'CSeq: 7 OPTIONS',
          'Warning: 399 latchkey "cseq-method"',
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      );
    });

    it('keep a To tag', () => {
      assert.match(
        answerTo(text(INVITE, { To: '<sip:b@c>;Tag=x', CSeq: '1 BYE' })) ?? '',
        /\r\nTo: <sip:b@c>;Tag=x\r\n/,
      );
    });

    it('are never longer than three times the request (protocol.md P11)', () => {
      const raw = text(INVITE, { CSeq: '7 OPTIONS' });
      const { length } = answerTo(raw) ?? '';
      assert.ok(length > 0 && length < 2 * raw.length);
      assert.ok(answerTo(raw, Math.ceil(length / 3)));
      assert.equal(answerTo(raw, Math.ceil(length / 3) - 1), undefined);
    });

    it('hold no line that the request did not', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 30 }), fc.nat(4), (poison, where) => {
          const field = ['Via', 'From', 'To', 'Call-ID', 'CSeq'][where] ?? '';
          const raw = text(OPTIONS, { [field]: `${poison}`, 'Content-Length': '-1' });
          const verdict = examineMessage(raw, GATE_LIMITS);
          if (verdict?.ok !== false || !verdict.answerable) return;
          const answer = answerRefused(verdict.answerable, verdict.reason, source, 'gate', 1e6) ?? '';
          assert.ok(!/[^\x20-\x7e\x80-\uffff]/.test(answer.replaceAll('\r\n', '')));
          const names = answer
            .split('\r\n')
            .slice(1, -2)
            .map((line) => line.slice(0, line.indexOf(':')));
          const expected = ['From', 'To', 'Call-ID', 'CSeq', 'Warning', 'Content-Length'];
          assert.deepEqual(
            names.filter((name) => name !== 'Via'),
            expected,
          );
        }),
      );
    });
  });

  it('counts by reason, and says which are the first', () => {
    const counters = new GateCounters();
    const told = Array.from({ length: 20 }, () => counters.countRefused('version'));
    assert.equal(told.filter(Boolean).length, 8);
    assert.ok(counters.countRefused('percent'));
    counters.countAnswered();
    const { refused, answered } = counters.counts;
    assert.deepEqual([refused.version, refused.percent, answered], [20, 1, 1]);
  });

  it('never throws, and what passes has everything', () => {
    const pieces = fc.constantFrom(
      '\r\n',
      '\r\n ',
      ':',
      ',',
      ';',
      '"',
      '<',
      '>',
      '\\',
      '=',
      ' ',
      '\t',
      'sip:a@b',
      'Via: ',
      'SIP/2.0/UDP h',
      'From: ',
      'CSeq: 1 OPTIONS',
      'i: x',
      'To: ',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string()), { maxLength: 40 }),
        fc.boolean(),
        (parts, isWhole) => {
          const raw = isWhole
            ? text(OPTIONS, { Subject: parts.join('') })
            : `${OPTIONS}\r\n${parts.join('')}\r\n\r\n`;
          const verdict = examineMessage(raw, GATE_LIMITS);
          if (verdict?.ok) assert.ok(verdict.message.vias.length > 0 && verdict.message.callId !== '');
        },
      ),
    );
  });

  it('refuses of RFC 4475 what its rules name, and passes the rest', function () {
    requireShared(this, 'material/sip_torture_rfc4475');
    const refused: Record<string, string> = {
      // Invalid messages of RFC 4475 section 3.1.2.
      badinv01: 'header-malformed dropped',
      clerr: 'content-length 400',
      ncl: 'content-length 400',
      scalar02: 'header-malformed dropped',
      scalarlg: 'header-malformed dropped',
      quotbal: 'header-malformed dropped',
      ltgtruri: 'start-line 400',
      lwsruri: 'start-line 400',
      lwsstart: 'start-line 400',
      trws: 'start-line 400',
      baddn: 'header-malformed dropped',
      badvers: 'version 505',
      mismatch01: 'cseq-method 400',
      mismatch02: 'cseq-method 400',
      bigcode: 'start-line dropped',
      insuf: 'header-missing dropped',
      multi01: 'header-twice dropped',
      mcl01: 'content-length 400',
      // Valid, but no method that is spoken has a percent sign, and no INVITE since RFC 3261 is without Contact.
      esc02: 'percent dropped',
      intmeth: 'percent dropped',
      inv2543: 'header-missing 400',
    };
    const files = readSharedFolder('material/sip_torture_rfc4475').filter(({ name }) =>
      name.endsWith('.dat'),
    );
    assert.ok(files.length > 40);
    const outcomes = files.map(({ name, bytes }) => [name.slice(0, -4), outcome(bytes.toString('latin1'))]);
    const expected = outcomes.map(([name = '']) => [name, refused[name] ?? 'passes']);
    assert.deepEqual(outcomes, expected);
  });
});

function frame(...chunks: string[]) {
  const passed: string[] = [];
  const refused: GateReason[] = [];
  const broken: GateReason[] = [];
  const sizes: number[] = [];
  const limits = { ...GATE_LIMITS, maxHeadBytes: 1000, maxBodyBytes: 100, maxMessageBytes: 1050 };
  const framer = new MessageFramer(limits, {
    onVerdict: (verdict, sizeBytes) => {
      sizes.push(sizeBytes);
      if (verdict.ok) passed.push(verdict.message.body);
      else refused.push(verdict.reason);
    },
    onBroken: ({ reason }) => broken.push(reason),
  });
  for (const chunk of chunks) framer.push(chunk);
  return { passed, refused, broken, sizes };
}

describe('sip: messages cut out of a stream', () => {
  const one = text(OPTIONS, {}, 'xyz');
  const bad = text(OPTIONS, { CSeq: '1 BYE' }, 'abc');
  const empty = text(OPTIONS);

  it('are the same wherever the stream is cut', () => {
    const stream = `\r\n\r\n${one}\r\n${bad}${empty}\r\n\r\n\r\n${one}`;
    const expected = {
      passed: ['xyz', '', 'xyz'],
      refused: ['cseq-method'],
      broken: [],
      sizes: [one.length, bad.length, empty.length, one.length],
    };
    assert.deepEqual(frame(stream), expected);
    assert.deepEqual(frame(...stream), expected);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
        assert.deepEqual(frame(...at.slice(1).map((end, i) => stream.slice(at[i], end))), expected);
      }),
    );
  });

  for (const length of ['-1', 'NaN', '', '1e2', '0x10', '1 2', '10\r\nl: 11', '9999999999', '+3']) {
    it(`end with a Content-Length of ${JSON.stringify(length)}`, () => {
      const { passed, broken } = frame(text(OPTIONS, { 'Content-Length': length }, 'xyz'), one, one);
      assert.deepEqual([passed, broken], [[], ['content-length']]);
    });
  }

  it('end where there is no Content-Length: a body would be read as the next message', () => {
    const smuggled = text(OPTIONS, { 'Content-Length': undefined }, one);
    assert.deepEqual(frame(smuggled, one), {
      passed: [],
      refused: [],
      broken: ['content-length'],
      sizes: [],
    });
    const hidden = text(OPTIONS, { 'Content-Length': undefined, 'Content-Length\0': '3' }, one);
    assert.deepEqual(frame(hidden, one).broken, ['control-character']);
  });

  it('end with a head or a body that is too long, complete or not', () => {
    const head = text(OPTIONS, { X: 'y'.repeat(1000) });
    assert.deepEqual(frame(head, one).broken, ['head-size']);
    assert.deepEqual(frame(head.slice(0, -10), one).broken, ['head-size']);
    assert.deepEqual(frame(head.slice(0, -10)).broken, ['head-size'], 'before its end has come');
    assert.deepEqual(frame(text(OPTIONS, { 'Content-Length': '101' }), one).broken, ['body-size']);
    const whole = text(OPTIONS, { X: 'y'.repeat(780) }, 'z'.repeat(90));
    assert.ok(whole.length > 1050);
    assert.deepEqual(frame(whole, one).broken, ['message-size'], 'each within its limit, but not both');
  });

  it('never throw, whatever comes', () => {
    const pieces = fc.constantFrom(
      '\r\n',
      '\r',
      '\n',
      'l:',
      '3',
      '-',
      ' ',
      OPTIONS,
      'Content-Length: 5',
      '\0',
      ':',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pieces, fc.string()), { maxLength: 40 }),
        (chunks) => void frame(...chunks),
      ),
    );
  });
});
