import assert from 'node:assert/strict';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof LatchkeyError);
    assert.equal(error.code, 'LATCHKEY_OPTION');
    return error.message;
  }
  return 'accepted';
}

describe('net: options', () => {
  const latchkeyOptions: [string, unknown, RegExp][] = [
    ['policy', 'strict', /"policy" accepts 'require', 'prefer', 'legacy'; it is 'strict'/],
    ['policy', 7, /it is 7/],
    ['suites', [], /"suites" accepts a list of one or more of HMAC-SHA-256, AES-256/],
    ['suites', ['AES-128'], /"suites"/],
    ['suites', ['AES-256', 'AES-256'], /each once/],
    ['suites', 'AES-256', /"suites"/],
    ['keepaliveS', 4, /"keepaliveS" accepts a whole number of seconds from 5 to 60; it is 4/],
    ['keepaliveS', 61, /"keepaliveS"/],
    ['keepaliveS', 15.5, /"keepaliveS"/],
    ['keepaliveS', '15', /"keepaliveS"/],
    ['allowInsecureSignalling', 'yes', /"allowInsecureSignalling" accepts true or false/],
    ['directTarget', true, /"directTarget" accepts a function/],
    ['polcy', 'require', /no option "polcy": it has policy/],
  ];
  for (const [name, value, message] of latchkeyOptions) {
    it(`createLatchkey tells what is wrong with ${name}: ${JSON.stringify(value)}`, () => {
      assert.match(
        refusal(() => createLatchkey({ [name]: value })),
        message,
      );
    });
  }

  const sessionOptions: [string, unknown, RegExp][] = [
    ['signalling', undefined, /"signalling" accepts 'encrypted', 'loopback', 'clear'; it is undefined/],
    ['signalling', 'tls', /"signalling"/],
    ['role', 'server', /"role" accepts 'verifier', 'prover'/],
    ['policy', 'none', /"policy"/],
    ['call', 12, /"call" accepts a string/],
    ['roles', 'prover', /no option "roles"/],
  ];
  for (const [name, value, message] of sessionOptions) {
    it(`createSession tells what is wrong with ${name}: ${JSON.stringify(value)}`, () => {
      const latchkey = createLatchkey();
      assert.match(
        refusal(() => latchkey.createSession({ signalling: 'encrypted', [name]: value })),
        message,
      );
    });
  }

  it('a place in a session is a media index and a component', () => {
    const session = createLatchkey().createSession({ signalling: 'encrypted' });
    for (const where of [{ media: -1 }, { media: 0.5 }, { component: 3 }, { stream: 1 }])
      assert.notEqual(
        refusal(() => session.bind({} as never, where as never)),
        'accepted',
      );
    assert.match(
      refusal(() => createLatchkey(null as never)),
      /accepts an object/,
    );
  });

  it('accepts all that is right', () => {
    const latchkey = createLatchkey({
      policy: 'require',
      suites: ['AES-256'],
      keepaliveS: 60,
      allowInsecureSignalling: true,
      directTarget: () => true,
    });
    const session = latchkey.createSession({
      call: 'a@b',
      role: 'prover',
      signalling: 'clear',
      policy: 'legacy',
    });
    assert.equal(session.call, 'a@b');
    assert.equal(session.protection, 'pending');
    assert.equal(latchkey.sessions.get(session.id), session);
  });
});
