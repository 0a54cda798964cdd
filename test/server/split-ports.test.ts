// Protocol 8.2.7: one port for all peers that latch or ICE finds, and ports of their own for the others, on real sockets.
import assert from 'node:assert/strict';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer, Participant } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { plainSdp } from '../cli/callee.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';
import { sip } from '../plugins/sip-phones.js';
import { BARESIP_ICE, baresipOffer } from '../support/sdes-offers.js';

const SHARED = 22_200;
const [LOW, HIGH] = [22_202, 22_205];
/** Two pairs: a call of one stream takes one. */
const MEDIA = { kind: 'split', port: SHARED, low: LOW, high: HIGH } as const;

const PLAIN = plainSdp(40_000);
const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const LATCH = `a=latch:1 Xk3pQ7vT0aLm ${SECRET} suites=HMAC-SHA-256,AES-256\r\n`;
const SRTP = baresipOffer({ protocol: 'RTP/SAVP' });
const SRTP_OR_RTP = baresipOffer({ protocol: 'RTP/AVP' });

describe('server: a shared port and a range', () => {
  const phones: RawPhone[] = [];
  const told: Participant[] = [];
  let server: DistributionServer;

  beforeEach(async () => {
    told.length = 0;
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: 'auto' },
      media: MEDIA,
    });
    server.on('fault', () => undefined).on('rangeFull', (call) => told.push(call));
    await server.start();
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) phone.close();
    await server.close({ graceMs: 0 });
  });

  function take(signalling: 'loopback' | 'clear' = 'loopback') {
    const session = server.latchkey.createSession({ signalling, srtp: 'terminate' });
    const seat = server.seat('tea', session);
    return {
      /** At which port it is answered. */
      async answer(offer: string): Promise<number> {
        const verdict = session.setRemote(offer);
        assert.ok(verdict.accepted, JSON.stringify(verdict));
        await seat.lend(offer);
        const answered = seat.answer(offer);
        assert.ok(answered.ok, JSON.stringify(answered));
        return mediaPort(session.setLocal(answered.sdp));
      },
      async offer(): Promise<number> {
        await seat.lend(undefined);
        const offered = seat.offer();
        assert.ok(offered.ok);
        return mediaPort(session.setLocal(offered.sdp));
      },
      end(): void {
        session.close();
        seat.release();
      },
    };
  }

  const isOwn = (port: number) => port >= LOW && port <= HIGH;

  it('says where media is taken', () => {
    assert.equal(server.snapshot().listening?.media, `${SHARED},${LOW}-${HIGH}`);
  });

  const shared: readonly (readonly [string, string])[] = [
    ['latch', PLAIN + LATCH],
    ['latch beside SRTP', SRTP + LATCH],
    ['ICE beside SRTP', BARESIP_ICE],
  ];
  for (const [what, offer] of shared)
    it(`a peer with ${what} shares the port`, async () => {
      assert.equal(await take().answer(offer), SHARED);
    });

  const own: readonly (readonly [string, string])[] = [
    ['SRTP', SRTP],
    ['SRTP by its lines alone', SRTP_OR_RTP],
    ['no key at all', PLAIN],
    ['latch of suites that are not ours', PLAIN + LATCH.replace(/=.*/, '=ROT-13')],
  ];
  for (const [what, offer] of own)
    it(`a peer with ${what} has ports of its own`, async () => {
      assert.ok(isOwn(await take().answer(offer)));
    });

  it('a secret that everybody could read is none: such a peer has ports of its own', async () => {
    assert.ok(isOwn(await take('clear').answer(PLAIN + LATCH)));
  });

  it('an offer of ours is for whoever answers, with whatever key: ports of its own', async () => {
    assert.ok(isOwn(await take().offer()));
  });

  it('a call stays at its port, whatever its next offer brings', async () => {
    const [latched, keyed] = [take(), take()];
    assert.equal(await latched.answer(PLAIN + LATCH), SHARED);
    assert.equal(await latched.answer(SRTP_OR_RTP), SHARED);
    const port = await keyed.answer(SRTP_OR_RTP);
    assert.ok(isOwn(port));
    assert.equal(await keyed.answer(SRTP_OR_RTP + LATCH), port);
  });

  it('while the range is full its peers share the port: counted, and told once', async () => {
    const held = [take(), take()];
    for (const one of held) assert.ok(isOwn(await one.answer(SRTP)));
    assert.equal(server.counters.rangeFull, 0);
    assert.equal(await take().answer(SRTP), SHARED);
    assert.equal(await take().answer(PLAIN), SHARED);
    assert.equal(await take().answer(PLAIN + LATCH), SHARED);
    assert.equal(server.counters.rangeFull, 2);
    assert.deepEqual(
      told.map(({ room }) => room),
      ['tea'],
    );
    held[0]!.end();
    assert.ok(isOwn(await take().answer(SRTP)));
    assert.equal(server.counters.rangeFull, 2);
  });

  it('signalling of another kind gets what its peer brings a proof for', async () => {
    assert.equal((await server.lendMedia('127.0.0.1', 'latch'))?.pair.rtpPort, SHARED);
    const pairs = [await server.lendMedia('127.0.0.1'), await server.lendMedia('127.0.0.1', 'srtp')];
    assert.ok(pairs.every((lent) => lent && isOwn(lent.pair.rtpPort)));
    assert.equal(await server.lendMedia('127.0.0.1'), undefined);
    for (const lent of pairs) lent?.pair.release();
  });

  it('calls that nobody has acknowledged give way before a call has to share', async () => {
    const port = server.snapshot().listening?.sip.UDP?.port ?? 0;
    const call = async (isAcked: boolean) => {
      const phone = await RawPhone.open(port);
      phones.push(phone);
      const { status, body } = await phone.ask('INVITE', { user: 'hall', body: phone.sdp(), isAcked });
      assert.equal(status, 200);
      return mediaPort(body);
    };
    await call(false);
    await call(false);
    assert.ok(isOwn(await call(true)));
    assert.ok(isOwn(await call(true)));
    assert.deepEqual([server.counters.bounds.unconfirmedCalls, server.counters.rangeFull], [2, 0]);
    assert.equal(await call(true), SHARED);
    assert.equal(server.counters.rangeFull, 1);
  });
});
