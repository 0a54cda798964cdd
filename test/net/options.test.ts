import assert from 'node:assert/strict';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';
import type { SdpLimits } from '../../lib/index.js';

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
    ['policy', 'strict', /"policy" accepts 'require', 'prefer', 'legacy', 'blind'; it is 'strict'/],
    ['policy', 7, /it is 7/],
    ['suites', [], /"suites" accepts a list of one or more of HMAC-SHA-256, AES-256/],
    ['suites', ['AES-128'], /"suites"/],
    ['suites', ['AES-256', 'AES-256'], /each once/],
    ['suites', 'AES-256', /"suites"/],
    ['keepaliveS', 4, /"keepaliveS" accepts a whole number of seconds from 5 to 60; it is 4/],
    ['keepaliveS', 61, /"keepaliveS"/],
    ['sdpLimits', 7, /sdpLimits/],
    ['sdpLimits', { maxLines: 7 }, /sdpLimits has no option "maxLines"/],
    ['sdpLimits', { maxMids: 0 }, /"sdpLimits.maxMids" accepts a whole number above 0; it is 0/],
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
    [
      'peer',
      { address: 'phone.example', transport: 'udp' },
      /"peer.address" accepts an IP address; it is 'phone/,
    ],
    [
      'peer',
      { address: '192.0.2.1', transport: 'UDP' },
      /"peer.transport" accepts 'udp', .*'proxy'; it is 'UDP'/,
    ],
    ['peer', { address: '192.0.2.1', transport: 'udp', port: 5060 }, /peer has no option "port"/],
    ['peer', '192.0.2.1', /"peer" accepts an object/],
    ['srtp', 'require', /"srtp" accepts 'terminate'/],
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

  it('what a session is told of its peer is checked, and not taken when it is over', () => {
    const session = createLatchkey().createSession({ signalling: 'encrypted' });
    assert.match(
      refusal(() => session.peer({ transport: 'sctp' } as never)),
      /"transport"/,
    );
    assert.match(
      refusal(() => session.shown('192.0.2.256')),
      /"address" accepts an IP address/,
    );
    assert.match(
      refusal(() => session.asked('perhaps' as never)),
      /"outcome" accepts 'answered', 'refused', 'pending', 'unanswered'/,
    );
    session.peer({ address: '::ffff:192.0.2.1', transport: 'udp' });
    session.peer({ transport: 'proxy' });
    session.confirm();
    session.shown('192.0.2.1');
    session.asked('answered');
    session.close();
    for (const act of [() => session.confirm(), () => session.shown('192.0.2.1')])
      assert.throws(act, { code: 'LATCHKEY_CLOSED' });
  });

  it('reads descriptions up to the limits that it was given', () => {
    const sdp = `v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n${'m=audio 9 RTP/AVP 0\r\n'.repeat(3)}`;
    const verdict = (sdpLimits: Partial<SdpLimits>) =>
      createLatchkey({ sdpLimits }).createSession({ signalling: 'loopback' }).setRemote(sdp);
    assert.deepEqual(verdict({ maxMedia: 3 }), { accepted: true });
    for (const limits of [{ maxMedia: 2 }, { maxCharacters: 60 }]) {
      const refused = verdict(limits);
      assert.ok(!refused.accepted);
      assert.equal(refused.status, 400);
    }
  });

  it('accepts all that is right', () => {
    const latchkey = createLatchkey({
      policy: 'require',
      suites: ['AES-256'],
      keepaliveS: 60,
      allowInsecureSignalling: true,
      directTarget: () => true,
      sdpLimits: { maxMedia: 8 },
    });
    const session = latchkey.createSession({
      call: 'a@b',
      role: 'prover',
      signalling: 'clear',
      policy: 'legacy',
      peer: { address: '192.0.2.1', transport: 'https' },
    });
    assert.equal(session.call, 'a@b');
    assert.equal(session.protection, 'pending');
    assert.equal(latchkey.sessions.get(session.id), session);
  });
});
