import assert from 'node:assert/strict';
import { RtspAdmission } from '../../lib/rtsp/index.js';
import type { RtspPeer } from '../../lib/rtsp/index.js';
import { answerChallenge, credentialsIn, parseUsers, writeUser } from '../../lib/sip/index.js';

const PEER: RtspPeer = { address: '192.0.2.1', isSecure: false, isCertified: false };
const SECURE = { ...PEER, isSecure: true };

function usersOf(...algorithms: readonly ('MD5' | 'SHA-256')[]) {
  const text = algorithms.reduce(
    (before, algorithm) =>
      writeUser(before, `user-${algorithm}`, 'here', {
        ...{ name: `user-${algorithm}`, realm: 'here', algorithm, password: 'secret', rooms: ['room'] },
      }),
    '',
  );
  const parsed = parseUsers(text, 'here');
  assert.ok(parsed.ok);
  return parsed.users;
}

const askOf = (authorization?: string, uri = 'rtsp://h/room', room = 'room') => ({
  ...{ method: 'DESCRIBE', uri, authorization, room },
});
const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

describe('rtsp: who may', () => {
  it('is whoever knows a password, by digest in clear, for the URL that was signed', () => {
    const admission = new RtspAdmission({ users: usersOf('MD5', 'SHA-256'), realm: 'here' }, () => 0);
    const asked = admission.judge(askOf(), PEER);
    assert.ok(asked.kind === 'challenged' && !asked.isWrong);
    assert.deepEqual(
      asked.challenges.map((one) => /algorithm=([\w-]+)/.exec(one)?.[1]),
      ['SHA-256', 'MD5'],
    );
    const answer = (password: string, uri: string) =>
      answerChallenge(
        { user: 'user-MD5', password },
        { method: 'DESCRIBE', uri },
        asked.challenges.slice(1).flatMap(credentialsIn),
      );
    const uri = 'rtsp://h/room';
    const wrong = admission.judge(askOf(answer('guess', uri)), PEER);
    assert.ok(wrong.kind === 'challenged' && wrong.isWrong);
    const other = admission.judge(askOf(answer('secret', uri), 'rtsp://h/room/cam'), PEER);
    assert.ok(other.kind === 'challenged' && other.isWrong);
    const right = answer('secret', uri);
    assert.deepEqual(admission.judge(askOf(right), PEER), { kind: 'admitted', user: 'user-MD5' });
    const again = admission.judge(askOf(right), PEER);
    assert.ok(again.kind === 'challenged' && again.isWrong, 'a replay');
  });

  it('takes an answer as of RFC 2069, once', () => {
    const admission = new RtspAdmission({ users: usersOf('MD5'), realm: 'here' }, () => 0);
    const asked = admission.judge(askOf(), PEER);
    assert.ok(asked.kind === 'challenged');
    const challenges = asked.challenges.map((one) => one.replace(', qop="auth"', '')).flatMap(credentialsIn);
    const credentials = { user: 'user-MD5', password: 'secret' };
    const answer = answerChallenge(credentials, { method: 'DESCRIBE', uri: 'rtsp://h/room' }, challenges);
    assert.doesNotMatch(answer ?? '', /qop/);
    assert.equal(admission.judge(askOf(answer), PEER).kind, 'admitted');
    assert.equal(admission.judge(askOf(answer), PEER).kind, 'challenged');
  });

  it('takes passwords as they are over TLS alone', () => {
    const admission = new RtspAdmission({ users: usersOf('SHA-256'), realm: 'here' }, () => 0);
    const sent = basic('user-SHA-256', 'secret');
    assert.equal(admission.judge(askOf(sent), SECURE).kind, 'admitted');
    assert.equal(admission.judge(askOf(sent), PEER).kind, 'challenged');
    const asked = admission.judge(askOf(), SECURE);
    assert.ok(asked.kind === 'challenged');
    assert.deepEqual(asked.challenges, ['Basic realm="here", charset="UTF-8"']);
    const wrong = admission.judge(askOf(basic('nobody', 'secret')), SECURE);
    assert.ok(wrong.kind === 'challenged' && wrong.isWrong);
  });

  it('lets a user into his rooms, carriers by address, certificates where they are trusted, and nobody else', () => {
    const admission = new RtspAdmission({ users: usersOf('SHA-256'), realm: 'here' }, () => 0);
    const sent = basic('user-SHA-256', 'secret');
    assert.equal(admission.judge(askOf(sent, 'rtsp://h/other', 'other'), SECURE).kind, 'refused');
    admission.renew({ trunks: ['192.0.2.0/24'] });
    assert.equal(admission.judge(askOf(), PEER).kind, 'admitted');
    assert.equal(admission.judge(askOf(), { ...PEER, address: '198.51.100.1' }).kind, 'refused');
    admission.renew({ hasClientCertificates: true });
    assert.equal(admission.judge(askOf(), { ...SECURE, isCertified: true }).kind, 'admitted');
    assert.equal(admission.judge(askOf(), SECURE).kind, 'refused');
    admission.renew({ isOpen: true });
    assert.equal(admission.judge(askOf(), PEER).kind, 'admitted');
  });
});
