// A description in which no section can ever have media is refused: another family of addresses, a name, no c= at all. Who is
// found by latch or by ICE need not say where it is.
import assert from 'node:assert/strict';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';
import type { Latchkey, Policy, SessionOptions, Verdict } from '../../lib/index.js';
import { Sockets } from '../net/sockets.js';

const LATCH = `a=latch:1 Xk3pQ7vT0aLm ${Buffer.alloc(32, 7).toString('base64url')} suites=HMAC-SHA-256`;
const ICE = ['a=ice-ufrag:abcd', 'a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa'];
const NAME = 'c=IN IP4 sbc.example.com';
const IPV6 = 'c=IN IP6 2001:db8::1';
const IPV4 = 'c=IN IP4 192.0.2.9';

/** `c=` of the session, then sections. */
function sdp(connection: string, ...sections: (readonly string[])[]): string {
  const lines = ['v=0', 'o=- 1 1 IN IP4 192.0.2.9', 's=-', ...(connection ? [connection] : []), 't=0 0'];
  return [...lines, ...sections.flat(), ''].join('\r\n');
}

const audio = (...lines: string[]) => ['m=audio 6000 RTP/AVP 0', ...lines];
const video = (...lines: string[]) => ['m=video 6002 RTP/AVP 96', ...lines];
const said = (verdict: Verdict) => (verdict.accepted ? 'accepted' : `${verdict.status} ${verdict.warnCode}`);

describe('a description that can carry no media', () => {
  const sockets = new Sockets();
  let latchkey: Latchkey;
  beforeEach(() => {
    latchkey = createLatchkey();
  });
  afterEach(async () => {
    latchkey.close();
    await sockets.closeAll();
  });

  async function judge(
    offer: string,
    { policy = 'prefer', ...options }: Partial<SessionOptions> & { policy?: Policy } = {},
    bound: 'udp4' | 'udp6' | 'both' | 'none' = 'udp4',
  ): Promise<Verdict> {
    const session = latchkey.createSession({ signalling: 'encrypted', policy, ...options });
    if (bound === 'both') session.bind(await sockets.bound('udp6', '::'));
    else if (bound !== 'none') session.bind(await sockets.bound(bound));
    return session.setRemote(offer);
  }

  for (const policy of ['prefer', 'legacy', 'blind'] as const) {
    for (const [what, connection, refusal] of [
      ['a name', NAME, '488 301'],
      ['no c=', '', '400 399'],
      ['a c= that cannot be read', 'c=IN ATM 47.0005', '400 399'],
      ['IPv6 to a socket of IPv4', IPV6, '488 300'],
    ] as const) {
      it(`${what}, under ${policy}: ${refusal.slice(0, 3)}, unless latch or ICE finds the peer`, async () => {
        assert.equal(said(await judge(sdp(connection, audio()), { policy })), refusal);
        assert.equal(said(await judge(sdp(connection, audio(LATCH)), { policy })), 'accepted');
        assert.equal(said(await judge(sdp(connection, audio(...ICE)), { policy })), 'accepted');
      });

      it(`${what}, under ${policy}: latch over a clear hop is none`, async () => {
        const clear = { policy, signalling: 'clear' } as const;
        assert.equal(said(await judge(sdp(connection, audio(LATCH)), clear)), refusal);
        assert.equal(said(await judge(sdp(connection, audio(...ICE)), clear)), 'accepted');
      });
    }
  }

  it('IPv4 to a socket of IPv6 is refused; to one of both, and where there is no socket yet, nothing is', async () => {
    assert.equal(said(await judge(sdp(IPV4, audio()), {}, 'udp6')), '488 300');
    assert.equal(said(await judge(sdp(IPV6, audio()), {}, 'udp6')), 'accepted');
    for (const connection of [IPV4, IPV6])
      assert.equal(said(await judge(sdp(connection, audio()), {}, 'both')), 'accepted');
    assert.equal(said(await judge(sdp(IPV6, audio()), {}, 'none')), 'accepted');
  });

  it('hold is none of these, of whichever family, nor is a section that has been closed', async () => {
    for (const connection of ['c=IN IP4 0.0.0.0', 'c=IN IP6 ::'])
      assert.equal(said(await judge(sdp(connection, audio()))), 'accepted');
    assert.equal(said(await judge(sdp(NAME, ['m=audio 0 RTP/AVP 0']))), 'accepted');
  });

  it('one section that can is enough', async () => {
    for (const connection of [NAME, IPV6]) {
      assert.equal(said(await judge(sdp(IPV4, audio(), video(connection)))), 'accepted');
      assert.equal(said(await judge(sdp(connection, audio(), video(IPV4)))), 'accepted');
      assert.notEqual(said(await judge(sdp(connection, audio(), video()))), 'accepted');
    }
    assert.equal(said(await judge(sdp('', audio(IPV4), video(IPV4)))), 'accepted');
  });

  it('an answer to an offer of ours is judged by what the offer says of us', () => {
    for (const [connection, answered, refusal] of [
      [IPV4, IPV6, '488 300'],
      [IPV6, IPV4, '488 300'],
      [IPV4, NAME, '488 301'],
      [IPV4, '', '400 399'],
      [IPV4, IPV4, 'accepted'],
      ['c=IN IP4 0.0.0.0', IPV6, 'accepted'],
    ] as const) {
      const session = latchkey.createSession({ signalling: 'encrypted' });
      session.setLocal(sdp(connection, audio()));
      assert.equal(said(session.setRemote(sdp(answered, audio()))), refusal, `${connection} ${answered}`);
    }
  });

  it('a prover is found by nobody: its server has to say where it is', async () => {
    const session = latchkey.createSession({ signalling: 'encrypted', role: 'prover' });
    session.bind(await sockets.bound());
    assert.equal(said(session.setRemote(sdp(NAME, audio(LATCH)))), '488 301');
  });

  it('where our family is not known before our answer, there is none', () => {
    const session = latchkey.createSession({ signalling: 'encrypted' });
    assert.ok(session.setRemote(sdp(IPV6, audio())).accepted);
    assert.throws(
      () => session.setLocal(sdp(IPV4, audio())),
      (error) => error instanceof LatchkeyError && error.code === 'LATCHKEY_SDP' && /488/.test(error.message),
    );
    assert.equal(session.protection, 'pending');
  });

  it('a re-offer like that leaves the call as it was', async () => {
    const session = latchkey.createSession({ signalling: 'encrypted' });
    session.bind(await sockets.bound());
    assert.ok(session.setRemote(sdp(IPV4, audio())).accepted);
    session.setLocal(sdp('c=IN IP4 127.0.0.1', audio()));
    assert.equal(said(session.setRemote(sdp(NAME, audio()))), '488 301');
    assert.deepEqual(session.streams[0]?.signalled, { address: '192.0.2.9', port: 6000 });
    assert.ok(session.setRemote(sdp(IPV4, audio())).accepted);
  });

  it('`require` says of DTLS-SRTP that it is not served', async () => {
    const dtls = ['m=audio 6000 UDP/TLS/RTP/SAVPF 0', `a=fingerprint:sha-256 ${'AB:'.repeat(31)}AB`];
    const verdict = await judge(sdp(IPV4, dtls), { policy: 'require' });
    assert.ok(!verdict.accepted);
    assert.match(verdict.warning, /DTLS-SRTP, which is not served/);
  });
});
