// Who may call, and who may not: anybody, users, carriers, phones with certificates.
import assert from 'node:assert/strict';
import { Admission, type AdmissionOptions } from '../../lib/sip/admission.js';
import { answerChallenge, credentialsIn } from '../../lib/sip/digest.js';
import type { SipCredentials, SipFlow, SipRequest } from '../../lib/sip/message-types.js';
import { parseUsers, writeUser, type SipUser } from '../../lib/sip/users.js';

const flow: SipFlow = { protocol: 'UDP', address: '198.51.100.7', port: 5060 };

function usersOf(text: string): ReadonlyMap<string, SipUser> {
  const parsed = parseUsers(text, 'latchkey');
  assert.ok(parsed.ok);
  return parsed.users;
}

function invite(room: string, from = 'alice', authorization?: SipCredentials[]): SipRequest {
  return {
    method: 'INVITE',
    uri: `sip:${room}@server.example`,
    headers: {
      from: { uri: `sip:${from}@home.example` },
      ...(authorization && { authorization }),
    },
  };
}

const newUser = (name: string, rooms?: string[], algorithm: 'SHA-256' | 'MD5' = 'SHA-256') =>
  writeUser('', name, 'latchkey', { name, realm: 'latchkey', algorithm, password: 'pw', rooms });

function tryToCall(options: AdmissionOptions, room: string, name = 'alice') {
  const admission = new Admission(options, () => 0);
  const first = admission.judge(invite(room, name), flow, room);
  if (first.kind !== 'challenged') return { first, admission };
  const uri = `sip:${room}@server.example`;
  const credentials = answerChallenge(
    { user: name, password: 'pw' },
    { method: 'INVITE', uri },
    credentialsIn(first.challenge),
  );
  assert.ok(credentials);
  return {
    first,
    second: admission.judge(invite(room, name, credentialsIn(credentials)), flow, room),
    admission,
  };
}

describe('sip: who may call', () => {
  it('with nothing said nobody may', () => {
    assert.equal(tryToCall({}, 'sales').first.kind, 'refused');
  });

  it('an open server takes anybody', () => {
    assert.deepEqual(tryToCall({ isOpen: true }, 'sales').first, { kind: 'admitted' });
  });

  it('a user is challenged, then let in, to the rooms of its own only', () => {
    const users = usersOf(newUser('alice', ['sales']));
    const { first, second, admission } = tryToCall({ users }, 'sales');
    assert.equal(first.kind, 'challenged');
    assert.deepEqual(second, { kind: 'admitted', user: 'alice' });
    assert.equal(tryToCall({ users }, 'board').second?.kind, 'refused');
    assert.equal(tryToCall({ users }, 'sales', 'mallory').second?.kind, 'challenged');
    assert.deepEqual(admission.counters, { admitted: 1, challenged: 1, wrong: 0, refused: 0 });
  });

  it('one algorithm is offered: that of the entry, and SHA-256 to a name that nobody has', () => {
    const users = usersOf(newUser('alice', undefined, 'MD5') + newUser('bob'));
    const offered = ['alice', 'bob', 'nobody'].map((name) => {
      const { first } = tryToCall({ users }, 'sales', name);
      return first.kind === 'challenged' ? /algorithm=([\w-]+)/.exec(first.challenge)?.[1] : first.kind;
    });
    assert.deepEqual(offered, ['MD5', 'SHA-256', 'SHA-256']);
  });

  it("a carrier's range is let in, in every spelling of the address, and nobody beside it", () => {
    const admission = new Admission({ trunks: ['198.51.100.0/29', '2001:db8::/32'] }, () => 0);
    const kindOf = (address: string) => admission.judge(invite('sales'), { ...flow, address }, 'sales').kind;
    assert.deepEqual(
      ['198.51.100.7', '::ffff:198.51.100.7', '2001:db8::1'].map(kindOf),
      Array(3).fill('admitted'),
    );
    assert.deepEqual(
      ['198.51.100.8', '2001:db9::1', '', 'carrier.example'].map(kindOf),
      Array(4).fill('refused'),
    );
    assert.throws(() => new Admission({ trunks: ['198.51.100.0'] }, () => 0), { code: 'LATCHKEY_OPTION' });
    assert.throws(() => new Admission({ trunks: ['198.51.100.0/33'] }, () => 0), { code: 'LATCHKEY_OPTION' });
  });

  it('with client certificates who has shown one may call; who comes in clear, or was dialled, has not', () => {
    const admission = new Admission({ hasClientCertificates: true }, () => 0);
    assert.equal(admission.judge(invite('a'), { ...flow, isCertified: true }, 'a').kind, 'admitted');
    assert.equal(admission.judge(invite('a'), flow, 'a').kind, 'refused');
  });

  it("a users' file: what is wrong is told by its line, and no line is repeated", () => {
    const good = newUser('alice');
    for (const bad of ['alice', 'a:b:c:d', `${good.trim()}:x`, 'a:latchkey:MD5:abc:*', good + good]) {
      const parsed = parseUsers(`# users\n\n${bad}`, 'latchkey');
      assert.ok(!parsed.ok);
      assert.ok(parsed.line >= 3);
      assert.ok(!parsed.message.includes(bad));
    }
    assert.equal(usersOf(newUser('alice').replace(':latchkey:', ':other:')).size, 0);
  });
});
