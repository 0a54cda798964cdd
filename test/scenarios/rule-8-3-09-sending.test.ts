// protocol.md 8.3.9: where payload goes to a phone without a key, and how much.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, PlainVoice } from '../support/evidence-bench.js';

const DIRECT = { address: HOME.address, port: 5004 };

describe('rule 8.3.9: sending', () => {
  it('to the address of the description unasked: once confirmed, where its IP address is shown', () => {
    const call = new EvidenceBench({ signalled: DIRECT, isConfirmed: false });
    assert.equal(call.send(), undefined);
    call.confirm();
    assert.deepEqual(call.send(), DIRECT);
    assert.equal(call.talk(1, DIRECT), 0, 'which is no lock');
  });

  it('not where it is not shown: over UDP, or elsewhere than the signalling', () => {
    for (const options of [
      { signalled: DIRECT, transport: 'udp' },
      { signalled: { address: '192.0.2.9', port: 5004 } },
    ] as const) {
      const call = new EvidenceBench(options);
      assert.equal(call.send(), undefined);
      assert.equal(call.component.counters.dropped.unproven, 1);
    }
  });

  it('to a locked source that is not shown three times what came from there, and no more', () => {
    const call = new EvidenceBench({ signalled: DIRECT, transport: 'udp' });
    call.talk(10, DIRECT);
    assert.deepEqual(call.locked, DIRECT);
    let sent = 0;
    while (call.send(172) !== undefined) sent++;
    assert.equal(sent, 30);
    call.session.shown(DIRECT.address);
    assert.deepEqual(call.send(), DIRECT);
  });

  it('to nobody who is another’s by a better claim', () => {
    const call = new EvidenceBench({ signalled: DIRECT });
    const thief = new EvidenceBench({ signalled: DIRECT, from: '192.0.2.66', beside: call });
    assert.deepEqual([call.send(), thief.send()], [DIRECT, undefined]);
  });

  it('asymmetric: from one port, to the one of the description, where the owner says so', () => {
    const options = { signalled: DIRECT, ssrcs: [0x1234] };
    const symmetric = new EvidenceBench(options);
    symmetric.talk(5, HOME);
    assert.deepEqual(symmetric.send(), HOME);
    const asymmetric = new EvidenceBench({ ...options, engine: { isAsymmetric: true } });
    asymmetric.talk(5, HOME);
    assert.deepEqual([asymmetric.locked, asymmetric.send()], [HOME, DIRECT]);
  });

  it('a range that the owner names is home', () => {
    const media = { address: '192.0.2.50', port: 9000 };
    const call = new EvidenceBench({
      canAsk: false,
      engine: { isHome: (address) => address.startsWith('192.0.2.') },
    });
    call.talk(10, media, new PlainVoice(3));
    assert.deepEqual([call.locked, call.send()], [media, media]);
  });
});
