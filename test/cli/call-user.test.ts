// Calls of a user to a server that asks who calls: by the sip package and by sip.js, in this process.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { startTerminal } from '../../lib/cli/terminal.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import {
  Authenticator,
  cseqOf,
  denialReply,
  DigestVerifier,
  parseCallUri,
  parseUsers,
  writeUser,
} from '../../lib/sip/index.js';
import type { SipResponse } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { createCertificate, sip } from '../plugins/sip-phones.js';
import { PlainServer, unrefLongTimers } from './plain-server.js';
import type { OnInvite } from './plain-server.js';

const PASSWORD = 'open sesame';
const USERS = ['SHA-256', 'MD5', 'SHA-512-256'] as const;

function users() {
  const text = USERS.reduce((before, algorithm) => {
    const name = `user-${algorithm.toLowerCase()}`;
    const user = { name, realm: 'lab', algorithm, password: PASSWORD, rooms: undefined };
    return writeUser(before, name, 'lab', user);
  }, '');
  const parsed = parseUsers(text, 'lab');
  assert.ok(parsed.ok);
  return parsed.users;
}

describe('call --user', () => {
  let server: DistributionServer;
  let restore: () => void;
  before(() => (restore = unrefLongTimers()));
  after(() => restore());
  beforeEach(async () => {
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      media: { kind: 'shared', port: 'auto' },
      listen: {
        ...{ udp: 'auto', tcp: 'auto', tls: 'auto', ws: 'auto', wss: 'auto' },
        ...(await createCertificate()),
      },
      admission: { users: users(), realm: 'lab' },
    });
    await server.start();
  });
  afterEach(() => server.close({ graceMs: 100 }));

  function call(transport: string, user: string, password = PASSWORD) {
    const port = server.snapshot().listening?.sip[transport.toUpperCase() as 'UDP']?.port ?? 0;
    const parsed = parseCallUri(`sip:echo@127.0.0.1:${port};transport=${transport}`);
    assert.ok(parsed.ok);
    const isInsecure = transport === 'tls' || transport === 'wss';
    return startTerminal({ uri: parsed.uri, isInsecure, credentials: { user, password } });
  }

  for (const transport of ['udp', 'tcp', 'tls', 'ws', 'wss'])
    it(`${transport}: is challenged, answers, and the call keeps its session and its protection`, async () => {
      const terminal = call(transport, 'user-sha-256');
      assert.equal((await terminal.answered).kind, 'latch');
      assert.equal(server.latchkey.sessions.size, 1);
      assert.equal(server.snapshot().calls[0]?.protection, 'latch');
      await terminal.hold(true);
      await terminal.hangUp();
      assert.deepEqual(server.counters.admission, { admitted: 1, challenged: 1, wrong: 0, refused: 0 });
    });

  for (const algorithm of USERS)
    it(`${algorithm}: whatever the entry of the user has is answered, by ws too`, async () => {
      for (const transport of ['udp', 'ws']) {
        const terminal = call(transport, `user-${algorithm.toLowerCase()}`);
        await terminal.answered;
        await terminal.hangUp();
      }
      assert.equal(server.counters.admission.admitted, 2);
    });

  for (const transport of ['udp', 'ws'])
    it(`${transport}: a wrong password is tried once, and told as 401`, async () => {
      const terminal = call(transport, 'user-sha-256', 'guess');
      await assert.rejects(terminal.answered, /401/);
      await terminal.ended;
      assert.deepEqual(server.counters.admission, { admitted: 0, challenged: 2, wrong: 1, refused: 0 });
      assert.equal(server.latchkey.sessions.size, 0);
    });
});

describe('call --user, to who asks inside the call as well', () => {
  let server: PlainServer;
  let restore: () => void;
  before(() => (restore = unrefLongTimers()));
  after(() => restore());
  beforeEach(async () => (server = await PlainServer.start()));
  afterEach(() => server.close());

  for (const transport of ['udp', 'tcp'])
    it(`${transport}: re-INVITE and BYE answer their 401, each with a proof of its own, and the next CSeq`, async () => {
      const found = users();
      const verifier = new DigestVerifier({
        ...{ realm: 'lab', nowMs: () => performance.now() },
        find: (name) => found.get(name),
      });
      const admitted: string[] = [];
      const asks =
        (admit: OnInvite): OnInvite =>
        (request) => {
          const verdict = verifier.verify(request, request.headers.authorization);
          if (verdict.kind === 'accepted') {
            admitted.push(`${verdict.user} ${request.method} ${cseqOf(request).seq}`);
            return admit(request, server);
          }
          const challenge = verifier.challenge('SHA-256', false);
          const { status, headers } = denialReply({ kind: 'challenged', isWrong: false, challenge });
          server.respond(request, status, headers);
        };
      server.onInvite = asks((invite) => void server.answer(invite));
      server.onOther = asks((request) => void server.respond(request, 200));
      const parsed = parseCallUri(server.uri('room', transport));
      assert.ok(parsed.ok);
      const user = 'user-sha-256';
      const terminal = startTerminal({ uri: parsed.uri, credentials: { user, password: PASSWORD } });
      await terminal.answered;
      await terminal.hold(true);
      await terminal.hangUp();
      assert.deepEqual(admitted, [`${user} INVITE 2`, `${user} INVITE 4`, `${user} BYE 6`]);
      // A challenge to a re-INVITE is no end of the call, and every final answer to an INVITE has its ACK.
      assert.equal(server.of('BYE').length, 2);
      assert.deepEqual([...new Set(server.of('ACK').map((ack) => cseqOf(ack).seq))].slice(-1), [4]);
    });
});

describe('sip: the calling side of digest', () => {
  const authenticator = new Authenticator({ user: 'alice', password: PASSWORD });
  const request = {
    method: 'BYE',
    uri: { schema: 'sip', user: 'tea', host: 'a.example', port: 5070, params: { lr: null } },
  };
  const challenged = (status: number, more = {}): SipResponse => ({
    status,
    headers: {
      [status === 407 ? 'proxy-authenticate' : 'www-authenticate']: [
        { scheme: 'Digest', realm: '"r"', nonce: '"n"', algorithm: 'SHA-256', qop: '"auth"', ...more },
      ],
    },
  });

  it('answers 401 and 407 once, a stale one once more, and nothing else', () => {
    const names = [401, 407].map((status) =>
      Object.keys(authenticator.answer(request, challenged(status), 0) ?? {}),
    );
    assert.deepEqual(names, [['authorization'], ['proxy-authorization']]);
    assert.equal(authenticator.answer(request, challenged(401), 1), undefined);
    assert.ok(authenticator.answer(request, challenged(401, { stale: 'true' }), 1));
    assert.equal(authenticator.answer(request, challenged(401, { stale: 'true' }), 2), undefined);
    assert.equal(authenticator.answer(request, { ...challenged(401), status: 403 }, 0), undefined);
    assert.equal(authenticator.answer(request, challenged(401, { algorithm: 'MD4' }), 0), undefined);
  });

  it('signs the URI as it is written', () => {
    const [answer] = authenticator.answer(request, challenged(401), 0)?.authorization ?? [];
    assert.equal(answer?.['uri'], '"sip:tea@a.example:5070;lr"');
  });

  it('shows the password to nobody', () => {
    assert.ok(!inspect(authenticator, { showHidden: true, depth: 9 }).includes('sesame'));
    assert.ok(!JSON.stringify(authenticator).includes('sesame'));
  });
});
