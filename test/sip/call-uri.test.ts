// The URI on the command line: what it means, and what is refused in one line.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCallUri } from '../../lib/sip/call-uri.js';

function read(text: string, defaultUser?: string) {
  const parsed = parseCallUri(text, defaultUser);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.message);
  return parsed.uri;
}

function refusal(text: string): string {
  const parsed = parseCallUri(text);
  assert.ok(!parsed.ok, `${text} was taken`);
  return parsed.message;
}

describe('the URI to call', () => {
  it('names room, host, port and transport', () => {
    assert.deepEqual(read('sip:meeting@192.0.2.7:5099;transport=tcp'), {
      scheme: 'sip',
      user: 'meeting',
      host: '192.0.2.7',
      port: 5099,
      transport: 'tcp',
      text: 'sip:meeting@192.0.2.7:5099;transport=tcp',
    });
  });

  const readings: readonly [string, string][] = [
    ['sip:a@host.example', 'sip:a@host.example:5061;transport=tls'],
    ['sip:a@host.example;transport=TLS', 'sip:a@host.example:5061;transport=tls'],
    ['sip:a@host.example;transport=udp', 'sip:a@host.example:5060;transport=udp'],
    ['SIP:a@host.example;lr;transport=tcp', 'sip:a@host.example:5060;transport=tcp'],
    ['sips:a@host.example', 'sips:a@host.example:5061;transport=tls'],
    ['sips:a@host.example;transport=tcp', 'sips:a@host.example:5061;transport=tls'],
    ['sip:a@host.example;transport=wss', 'sip:a@host.example:443;transport=wss'],
    ['sip:a@host.example;transport=ws', 'sip:a@host.example:80;transport=ws'],
    ['sips:a@host.example:8443;transport=ws', 'sips:a@host.example:8443;transport=wss'],
    ['sip:a%20b@host.example:1', 'sip:a%20b@host.example:1;transport=tls'],
    [' sip:a;x=1@host.example ', 'sip:a;x=1@host.example:5061;transport=tls'],
  ];
  for (const [text, meaning] of readings) it(`reads "${text}"`, () => assert.equal(read(text).text, meaning));

  it('takes the default user where it names nobody', () => {
    assert.equal(read('sip:host.example', 'echo').user, 'echo');
    assert.equal(read('sip:host.example').user, undefined);
    assert.equal(read('sip:room@host.example', 'echo').user, 'room');
  });

  const refused: readonly [string, RegExp][] = [
    ['', /no SIP URI/],
    ['meeting@host.example', /no SIP URI/],
    ['http://host.example', /no SIP URI/],
    ['sip:a@host.example:70000', /no port/],
    ['sip:a@host.example:0', /no port/],
    ['sip:a@host.example:x', /no SIP URI/],
    ['sip:a@host.example?subject=x', /no SIP URI/],
    ['sip:a@host.example;transport=sctp', /transport=sctp is not known/],
    ['sips:a@host.example;transport=udp', /contradicts/],
    ['sip:a:secret@host.example', /password/],
    ['sip:a b@host.example', /no user/],
    ['sip:a@-host', /no host name/],
    ['sip:a@[2001:db8::1]:5061', /IPv6/],
    ['sip:a@[2001:db8::g]', /no IPv6 address/],
  ];
  for (const [text, why] of refused) it(`refuses "${text}"`, () => assert.match(refusal(text), why));

  it('tells no password', () => assert.doesNotMatch(refusal('sip:a:hunter2@host.example'), /hunter2/));

  it('is total, and what it reads it reads again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `sip:${text}`),
        ),
        (text) => {
          const parsed = parseCallUri(text);
          if (parsed.ok) assert.deepEqual(parseCallUri(parsed.uri.text), parsed);
          else assert.doesNotMatch(parsed.message.replace(text, ''), /[\r\n]/);
        },
      ),
    );
  });
});
