// What a message has where a description should be gives a verdict, whatever it is; a verdict has its Warning header ready.
import assert from 'node:assert/strict';
import { Engine, LatchkeyError, type SdpSession } from '../../lib/core/index.js';
import { formatWarning } from '../../lib/wire/index.js';
import { testCrypto } from '../support/crypto.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

const sdp = makeSdp({ address: '10.0.0.2', media: [{ port: 5004 }] });
/** RFC 3261 25.1: warning-value, with a token for its agent. */
const WARNING_VALUE = /^[1-9]\d\d [A-Za-z0-9.!%*_+`'~:[\]-]+ "(?:[^"\\\r\n]|\\.)*"$/;

function session(): SdpSession {
  return new Engine({}, testCrypto, new Prng(1)).createSession({ signalling: 'encrypted' });
}

const anything: readonly unknown[] = [
  ...[undefined, null, true, 0, NaN, 7n, Symbol('sdp'), {}, [], [sdp], new Date(), () => sdp],
  ...[Buffer.from(sdp), new Uint8Array(4), new String(sdp), { length: 4 }],
  ...['', 'v=0', '\0', 'v=0\r\nm=audio', 'a=latch:1 short secret\r\n'],
];

describe('verdicts', () => {
  for (const [index, given] of anything.entries())
    it(`anything in the place of an offer gives one: ${index}, ${Object.prototype.toString.call(given)}`, () => {
      const one = session();
      const verdict = one.setRemote(given, 0);
      if (typeof given === 'string' && given !== '' && verdict.accepted) return;
      assert.ok(!verdict.accepted);
      assert.equal(verdict.status, 400);
      assert.match(verdict.warningHeader, WARNING_VALUE);
      assert.equal(verdict.warningHeader, formatWarning('latchkey', verdict.warning));
      assert.ok(one.setRemote(sdp, 0).accepted, 'nothing has changed');
    });

  it('anything in the place of an answer leaves the offer pending', () => {
    for (const given of anything) {
      if (typeof given === 'string') continue;
      const one = session();
      one.setLocal(sdp, 0);
      assert.equal(one.setRemote(given, 0).accepted, false);
      assert.ok(one.setRemote(sdp, 0).accepted);
    }
  });

  it('a description of our own that is no text is the fault of who made it', () => {
    for (const given of anything) {
      if (typeof given === 'string') continue;
      assert.throws(
        () => session().setLocal(given as string, 0),
        (error) => error instanceof LatchkeyError && error.code === 'LATCHKEY_SDP',
      );
    }
  });

  it('a Warning has its code, a token for its agent, and no quote or line break of a stranger', () => {
    assert.equal(formatWarning('host', 'a "b" \\ c\r\nd'), '399 host "a \\"b\\" \\\\ c d"');
    assert.equal(formatWarning('a b', 'x'), '399 latchkey "x"');
    assert.equal(formatWarning('h', 'x', 330), '330 h "x"');
  });
});

describe('attributes of another call', () => {
  const latched = (signalling: 'encrypted' | 'clear', role: 'prover' | 'verifier', own = sdp) =>
    new Engine({}, testCrypto, new Prng(7)).createSession({ signalling, role }).setLocal(own, 0);

  for (const role of ['prover', 'verifier'] as const)
    for (const signalling of ['encrypted', 'clear'] as const)
      it(`what a description of ours brings of them goes no further: ${signalling}, a ${role}'s`, () => {
        const theirs = new Engine({}, testCrypto, new Prng(3))
          .createSession({ signalling: 'encrypted', role })
          .setLocal(sdp, 0);
        const [, secret = ''] = /^a=latch:1 \S+ (\S+)/m.exec(theirs) ?? assert.fail();
        const attribute = /^a=latch:.*$/m.exec(theirs)?.[0] ?? assert.fail();
        const inSession = sdp.replace('t=0 0\r\n', `t=0 0\r\n${attribute}\r\n`);
        for (const own of [theirs, inSession, theirs.replaceAll('\r\n', '\n')]) {
          const made = latched(signalling, 'verifier', own);
          assert.ok(!made.includes(secret));
          const lines = made.match(/^a=latch/gm)?.length ?? 0;
          assert.equal(lines, signalling === 'clear' ? 0 : 2);
        }
      });
});
