import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GATE_LIMITS, examineMessage } from '../../lib/sip/index.js';
import type { SipMessage } from '../../lib/sip/index.js';
import { packageText, unveilMessage } from '../../plugins/sip/package-text.js';
import { sip } from './sip-phones.js';

const LINES = ['From: <sip:a@b>;tag=1', 'To: <sip:b@c>', 'Call-ID: x', 'CSeq: 1 OPTIONS'];

/** What the package makes of a request with these lines, and nothing but. */
function read(...lines: string[]): SipMessage {
  const given = new Set(lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase()));
  const rest = ['Via: SIP/2.0/UDP h;branch=b', ...LINES].filter(
    (line) => !given.has(line.slice(0, line.indexOf(':')).toLowerCase()),
  );
  const raw = ['OPTIONS sip:a@b SIP/2.0', ...lines, ...rest, '', ''].join('\r\n');
  const verdict = examineMessage(raw, GATE_LIMITS);
  assert.ok(verdict?.ok, JSON.stringify(verdict));
  const message = sip.parse(packageText(verdict.message));
  assert.ok(message);
  unveilMessage(message);
  return message;
}

const lineOf = (message: SipMessage, name: string) =>
  (sip.stringify(message).match(new RegExp(`^${name}: .*$`, 'gim')) ?? []).map((line) =>
    line.slice(name.length + 2),
  );

describe('plugins/sip: what the package is given to read', () => {
  it('Vias with IPv6 addresses are read, and written as they came', () => {
    const vias = [
      'SIP/2.0/UDP [2001:db8::1]:5060;received=::ffff:192.0.2.9;branch=z9hG4bK1;rport=5060',
      'SIP/2.0/TLS [::1];maddr=2001:db8::2;branch=z9hG4bK2',
      'SIP/2.0/TCP host.invalid:5070;received=192.0.2.1;branch=z9hG4bK3',
    ];
    const message = read(`Via: ${vias[0]}`, `Via: ${vias[1]}, ${vias[2]}`);
    assert.deepEqual(
      message.headers.via?.map(({ host, port, params }) => [host, port, params['branch']]),
      [
        ['[2001:db8::1]', 5060, 'z9hG4bK1'],
        ['[::1]', undefined, 'z9hG4bK2'],
        ['host.invalid', 5070, 'z9hG4bK3'],
      ],
    );
    assert.deepEqual(lineOf(message, 'Via'), vias);
  });

  it('a tag or a branch with @ comes back as it came', () => {
    const message = read(
      'Via: SIP/2.0/UDP h;branch=z9hG4bK@a:b/c',
      'From: <sip:a@b>;tag=1@2@[::1]',
      'To: <sip:b@c>;tag=@',
      'Contact: <sip:a@b>;+sip.instance="<urn:uuid:1>";x=@y',
    );
    assert.deepEqual(lineOf(message, 'Via'), ['SIP/2.0/UDP h;branch=z9hG4bK@a:b/c']);
    assert.equal(message.headers.from?.params?.['tag'], '1@2@[::1]');
    assert.equal(message.headers.to?.params?.['tag'], '@');
    assert.match(sip.stringify(message), /\r\nFrom: +<sip:a@b>;tag=1@2@\[::1\]\r\n/i);
    assert.match(lineOf(message, 'Contact')[0] ?? '', /;\+sip\.instance="<urn:uuid:1>";x=@y$/);
  });

  it('nobody can send what looks veiled: it comes back as it came, too', () => {
    const veiled = 'latchkey-veiled-000d000a';
    const message = read(`Via: SIP/2.0/UDP ${veiled};branch=${veiled}`, `From: <sip:a@b>;tag=${veiled}`);
    assert.equal(message.headers.via?.[0]?.host, veiled);
    assert.equal(message.headers.via[0].params['branch'], veiled);
    assert.equal(message.headers.from?.params?.['tag'], veiled);
  });

  it('credentials come in one shape: a scheme and its pairs', () => {
    const { headers } = read(
      'Authorization: Digest username = "a\\"b" ,realm="r, s",nc=00000001, Digest  username="c"',
      'Authorization: Digest username="d"',
      'Proxy-Authorization: NoOneKnowsThis opaque=here',
      'Authentication-Info: nextnonce="x" , qop=auth',
    );
    assert.deepEqual(headers['authorization'], [
      { scheme: 'Digest', username: '"a\\"b"', realm: '"r, s"', nc: '00000001' },
      { scheme: 'Digest', username: '"c"' },
      { scheme: 'Digest', username: '"d"' },
    ]);
    assert.deepEqual(headers['proxy-authorization'], [{ scheme: 'NoOneKnowsThis', opaque: 'here' }]);
    assert.deepEqual(headers['authentication-info'], { nextnonce: '"x"', qop: 'auth' });
  });

  it('credentials in another shape, or of another size, are not shown to it', () => {
    for (const value of [
      `Digest ${'a'.repeat(8000)}`,
      'Bearer abc',
      'Digest',
      'Digest username="a',
      `Digest username="${'a'.repeat(3000)}"`,
      `Digest ${Array.from({ length: 40 }, (_, i) => `a${i}=b`).join(',')}`,
    ]) {
      const { headers } = read(
        `Authorization: ${value}`,
        `WWW-Authenticate: ${value}`,
        `Authentication-Info: ${value}`,
      );
      assert.deepEqual(
        [headers['authorization'], headers['www-authenticate'], headers['authentication-info']],
        [undefined, undefined, undefined],
        value.slice(0, 40),
      );
    }
  });

  it('an address that cannot be read is left out of a list, and all others stay', () => {
    const { headers } = read(
      'Contact: "A, B" <sip:a@b;x>;q=1, <<<>>>, sip:c@d;expires=3, Me <sip:e@[::1]:5060>',
    );
    const contacts = Array.isArray(headers.contact) ? headers.contact : [];
    assert.deepEqual(
      contacts.map(({ name, uri, params }) => [name, uri, params]),
      [
        ['"A, B"', 'sip:a@b;x', { q: '1' }],
        [undefined, 'sip:c@d', { expires: '3' }],
        ['Me', 'sip:e@[::1]:5060', {}],
      ],
    );
  });

  it('a display name that is no word is quoted', () => {
    assert.equal(read('From: J\u00e9 (x) \\ <sip:a@b>;tag=1').headers.from?.name, '"J\u00e9 (x) \\\\"');
  });

  it('a datagram of two messages is one, and its body ends where it says', () => {
    const raw = [
      'OPTIONS sip:a@b SIP/2.0',
      'Via: SIP/2.0/UDP h',
      ...LINES,
      'l: 0',
      '',
      'OPTIONS sip:x@y SIP/2.0',
    ].join('\r\n');
    const verdict = examineMessage(raw, GATE_LIMITS);
    assert.ok(verdict?.ok);
    assert.equal(sip.parse(packageText(verdict.message))?.content, '');
  });

  it('whatever passes the gate reads the same in the package', () => {
    const word = fc.stringMatching(/^[!-~]{1,20}$/);
    fc.assert(
      fc.property(word, word, word, (tag, branch, name) => {
        const raw = [
          'OPTIONS sip:a@b SIP/2.0',
          `Via: SIP/2.0/UDP h;branch=${branch}`,
          `From: ${name} <sip:a@b>;tag=${tag}`,
          'To: <sip:b@c>',
          'Call-ID: x',
          'CSeq: 1 OPTIONS',
          '',
          '',
        ].join('\r\n');
        const verdict = examineMessage(raw, GATE_LIMITS);
        if (!verdict?.ok) return;
        const message = sip.parse(packageText(verdict.message));
        assert.ok(message);
        unveilMessage(message);
        const sent = verdict.message.from.params.filter((param) => param.name.toLowerCase() === 'tag').at(-1);
        assert.equal(message.headers.from?.params?.['tag'] ?? undefined, sent?.value);
        const sentBranch = verdict.message.vias[0]?.params.filter((param) => param.name === 'branch').at(-1);
        assert.equal(message.headers.via?.[0]?.params['branch'] ?? undefined, sentBranch?.value);
        assert.equal(message.headers.from?.uri, verdict.message.from.uri);
      }),
    );
  });
});
