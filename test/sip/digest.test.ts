// Digest authentication (RFC 7616, RFC 8760): the values of the RFC, a verifier and a caller against each other, and what is not
// taken: replays, foreign nonces, wrong rooms.
import assert from 'node:assert/strict';
import {
  answerChallenge,
  credentialsIn,
  digestHa1,
  digestResponse,
  DigestVerifier,
  readDigests,
  type DigestAlgorithm,
} from '../../lib/sip/digest.js';
import type { SipCredentials } from '../../lib/sip/message-types.js';

const URI = 'sip:sales@server.example';

/** A header as a message has it: quotes stay. */
function parsed(value: string): SipCredentials {
  const [one, ...rest] = credentialsIn(value);
  assert.ok(one && rest.length === 0);
  return one;
}

function scene(algorithm: DigestAlgorithm = 'SHA-256', password = 'open sesame', maxNonces = 1000) {
  const clock = { nowMs: 1000 };
  const ha1 = digestHa1(algorithm, 'alice', 'latchkey', password);
  const verifier = new DigestVerifier({
    realm: 'latchkey',
    maxNonces,
    nowMs: () => clock.nowMs,
    find: (name) => (name === 'alice' ? { algorithm, ha1 } : undefined),
  });
  const answer = (user = 'alice', secret = password, uri = URI) => {
    const challenge = parsed(verifier.challenge(algorithm, false));
    const credentials = answerChallenge({ user, password: secret }, { method: 'INVITE', uri }, [challenge]);
    assert.ok(credentials);
    return parsed(credentials);
  };
  const verify = (...headers: object[]) => verifier.verify({ method: 'INVITE', uri: URI }, headers);
  return { clock, verifier, answer, verify };
}

describe('sip: digest', () => {
  it('RFC 7616 3.9.1: the responses to both algorithms', () => {
    const answered = {
      method: 'GET',
      uri: '/dir/index.html',
      nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
      use: { nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
    };
    const responseOf = (algorithm: DigestAlgorithm) =>
      digestResponse(
        algorithm,
        digestHa1(algorithm, 'Mufasa', 'http-auth@example.org', 'Circle of Life'),
        answered,
      );
    assert.equal(responseOf('MD5'), '8ca523f5e9506fed4657c9700eebdbec');
    assert.equal(responseOf('SHA-256'), '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1');
  });

  for (const algorithm of ['SHA-512-256', 'SHA-256', 'MD5'] as const)
    it(`${algorithm}: a caller's answer is accepted, once`, () => {
      const { answer, verify } = scene(algorithm);
      const credentials = answer();
      assert.deepEqual(verify(credentials), { kind: 'accepted', user: 'alice' });
      assert.deepEqual(verify(credentials), { kind: 'refused', reason: 'replayed' });
    });

  it('counts of one nonce may overtake each other by 31, and each counts once', () => {
    const { verifier, verify } = scene();
    const challenge = parsed(verifier.challenge('SHA-256', false));
    const nonce = String(challenge['nonce']).slice(1, -1);
    const ha1 = digestHa1('SHA-256', 'alice', 'latchkey', 'open sesame');
    const withCount = (count: number) => {
      const use = { nc: count.toString(16).padStart(8, '0'), cnonce: 'c' };
      const response = digestResponse('SHA-256', ha1, { method: 'INVITE', uri: URI, nonce, use });
      return {
        ...{
          scheme: 'Digest',
          username: '"alice"',
          realm: '"latchkey"',
          nonce: `"${nonce}"`,
          uri: `"${URI}"`,
        },
        ...{ response: `"${response}"`, algorithm: 'SHA-256', qop: 'auth', nc: use.nc, cnonce: '"c"' },
      };
    };
    const kinds = [40, 39, 9, 8, 40, 39, 41, 10, 0xffffffff, 0xffffffff].map(
      (n) => verify(withCount(n)).kind,
    );
    assert.deepEqual(kinds, [
      ...['accepted', 'accepted', 'accepted', 'refused', 'refused', 'refused', 'accepted', 'accepted'],
      ...['accepted', 'refused'],
    ]);
  });

  it('of several credentials one that is valid is enough', () => {
    const { answer, verify } = scene();
    assert.equal(verify(answer('alice', 'wrong'), answer('mallory'), answer()).kind, 'accepted');
  });

  it('a wrong password, an unknown name and another room are refused alike', () => {
    const { answer, verify } = scene();
    for (const credentials of [
      answer('alice', 'wrong'),
      answer('mallory'),
      answer('alice', 'open sesame', 'sip:board@server.example'),
    ])
      assert.deepEqual(verify(credentials), { kind: 'refused', reason: 'wrong' });
  });

  it('an old nonce is stale, one of another server is none, and an answer under another qop is wrong', () => {
    const { clock, answer, verify } = scene();
    const credentials = answer();
    const foreign = scene().answer();
    assert.deepEqual(verify(foreign), { kind: 'challenge', isStale: false });
    assert.equal(verify({ ...answer(), qop: 'auth-int' }).kind, 'refused');
    clock.nowMs += 300_001;
    assert.deepEqual(verify(credentials), { kind: 'challenge', isStale: true });
  });

  it('what is remembered of nonces in use is bounded, and what is forgotten cannot be replayed', () => {
    const { clock, answer, verify } = scene('MD5', 'pw', 64);
    const first = answer();
    assert.equal(verify(first).kind, 'accepted');
    for (let i = 0; i < 64; i++) {
      clock.nowMs += 1;
      assert.equal(verify(answer()).kind, 'accepted');
    }
    assert.deepEqual(verify(first), { kind: 'challenge', isStale: true });
  });

  it('headers of any shape are read without an exception', () => {
    for (const header of [undefined, null, 'Digest', 7, [], [null], [{ scheme: 'Basic' }], [{ scheme: 7 }]])
      assert.deepEqual(readDigests(header), []);
    assert.deepEqual(readDigests([{ scheme: 'Digest', realm: 'x'.repeat(1025) }]), []);
    assert.equal(readDigests([{ scheme: 'Digest', realm: 'x'.repeat(1024) }]).length, 1);
    const [read] = readDigests([{ scheme: 'digest', realm: '"a \\"b\\""', __proto__x: 'y' }]);
    assert.equal(read?.['realm'], 'a "b"');
  });
});
