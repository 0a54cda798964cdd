// Rule 5.7: an SDP that aims media at everybody in reach is answered 488, whoever sends it and whatever protects it.
import assert from 'node:assert/strict';
import { createLatchkey } from '../../lib/index.js';
import type { Policy } from '../../lib/index.js';
import { VerifierBench } from '../support/engine-bench.js';

function sdp(address: string, extra: readonly string[] = [], rtpPort = 6000): string {
  const family = address.includes(':') ? 'IP6' : 'IP4';
  return [
    'v=0',
    `o=- 1 1 IN ${family} ${address}`,
    's=-',
    `c=IN ${family} ${address}`,
    't=0 0',
    `m=audio ${rtpPort} RTP/AVP 0`,
    ...extra,
    '',
  ].join('\r\n');
}

const LATCH = `a=latch:1 Xk3pQ7vT0aLm ${Buffer.alloc(32, 7).toString('base64url')} suites=HMAC-SHA-256`;
const ICE = ['a=ice-ufrag:abcd', 'a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa'];

describe('rule 5.7: a description that no call is made with', () => {
  function judge(description: string, policy: Policy = 'prefer', type: 'offer' | 'answer' = 'offer') {
    const latchkey = createLatchkey();
    const session = latchkey.createSession({ call: 'c', role: 'verifier', signalling: 'encrypted', policy });
    try {
      if (type === 'answer') session.setLocal(sdp('192.0.2.1', [], 40_000), 'offer');
      return session.setRemote(description, type);
    } finally {
      latchkey.close();
    }
  }

  for (const [address, what] of [
    ['233.252.0.1/127', 'multicast'],
    ['224.0.0.251', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['ff02::1', 'multicast'],
    ['::ffff:224.0.0.1', 'multicast'],
  ] as const) {
    for (const [kind, extra] of [
      ['no key', []],
      ['latch', [LATCH]],
      ['ICE', ICE],
    ] as const)
      it(`${address} with ${kind}: 488, and why`, () => {
        const verdict = judge(sdp(address, extra));
        assert.ok(!verdict.accepted);
        assert.equal(verdict.status, 488);
        assert.match(verdict.warning, new RegExp(what));
      });
    it(`${address} in an answer: 488`, () => {
      for (const policy of ['legacy', 'blind'] as const) {
        const verdict = judge(sdp(address), policy, 'answer');
        assert.deepEqual(verdict.accepted ? 200 : verdict.status, 488);
      }
    });
  }

  it('in a=rtcp alone: 488', () => {
    const verdict = judge(sdp('192.0.2.9', ['a=rtcp:6001 IN IP4 224.0.0.1']));
    assert.equal(verdict.accepted ? 200 : verdict.status, 488);
  });

  it('the address and port of a socket of this process, as it is bound or told: 488; another port there is nobody’s', () => {
    const bench = new VerifierBench({ signalled: { address: '198.51.100.9', port: 4000 } });
    const local = { address: '203.0.113.1', port: 40_000 };
    for (const [port, status] of [
      [local.port, 488],
      [local.port + 4, 200],
    ] as const) {
      const session = bench.bench.engine.createSession({ call: 'c', role: 'verifier', signalling: 'clear' });
      const verdict = session.setRemote(sdp(local.address, [], port), bench.nowMs, 'offer');
      assert.equal(verdict.accepted ? 200 : verdict.status, status);
    }
  });

  it('the port after that of RTP, where it is ours: 488 as the place of RTCP, and nothing to us where RTCP has none', () => {
    const { bench } = new VerifierBench({ signalled: { address: '198.51.100.9', port: 4000 } });
    for (const [extra, status] of [
      [[], 488],
      [['a=rtcp-mux'], 200],
      [['a=rtcp-mux', 'a=rtcp:40000'], 488],
    ] as const) {
      const session = bench.engine.createSession({ call: 'c', role: 'verifier', signalling: 'clear' });
      const verdict = session.setRemote(sdp('203.0.113.1', extra, 39_999), bench.nowMs, 'offer');
      assert.equal(verdict.accepted ? 200 : verdict.status, status, extra.join());
    }
  });

  for (const [address, port] of [
    ['0.0.0.0', 6000],
    ['::', 6000],
    ['224.0.0.1', 0],
    ['192.168.1.2', 6000],
    ['169.254.1.2', 6000],
    ['192.0.2.9', 6000],
  ] as const)
    it(`${address} and port ${port} are no reason: hold, closed, or a target that other rules keep`, () => {
      assert.equal(judge(sdp(address, [], port)).accepted, true);
    });
});
