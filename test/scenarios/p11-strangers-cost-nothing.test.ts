// P11 on the media ports: what a stranger sends costs bounded work, makes nothing go to others, and a session of a weaker kind takes
// nothing from one of a stronger. What SIP owes is in test/sip/bounds.test.ts and test/server/unacknowledged.test.ts, the work by
// the byte in test/slow/linear.test.ts.
import assert from 'node:assert/strict';
import type { Port } from '../../lib/core/index.js';
import { formatAddress, type TransportAddress } from '../../lib/wire/address.js';
import { IceBench } from '../support/ice-bench.js';
import { VerifierBench, type EngineBench } from '../support/engine-bench.js';
import { makeRtp } from '../support/media.js';
import * as oracle from '../support/oracle.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

const home = { address: '198.51.100.7', port: 31_000 };
const stranger = { address: '192.0.2.66', port: 7000 };

const rtpOf = (ssrc: number, sequence = 1): Uint8Array =>
  makeRtp({ ssrc, sequence, timestamp: 0, payload: new Uint8Array(160) });

function proven(): VerifierBench {
  const peer = new VerifierBench();
  peer.verify(home);
  peer.advance(50);
  return peer;
}

/** A call without a key on the same port, whose SDP names this address, shown or not. */
function claim(
  bench: EngineBench,
  own: Port | undefined,
  { address, port }: TransportAddress,
  isShown: boolean,
) {
  const session = bench.engine.createSession({ call: 'keyless', signalling: 'clear', policy: 'prefer' });
  session.component(0, 1).attach(own as Port, bench.nowMs);
  if (isShown) session.shown(address);
  session.setRemote(makeSdp({ address, media: [{ port, isMuxed: true }] }), bench.nowMs, 'offer');
  const local = makeSdp({ address: '203.0.113.1', media: [{ port: 40_000, isMuxed: true }] });
  session.setLocal(local, bench.nowMs, 'answer');
  bench.drain();
  return session;
}

describe('P11: what a stranger sends costs little, and reaches nobody else', () => {
  it('whatever comes from strangers, each is sent at most three times its bytes and nobody else anything, and all of it is counted', () => {
    const peer = proven();
    const prng = new Prng(11);
    const before = peer.bench.engine.counters;
    const sentBefore = peer.bench.sent.length;
    const hello = () => oracle.makeHello(peer.generation, 1, peer.transaction());
    const shapes: (() => Uint8Array)[] = [
      () => rtpOf(prng.uint32()),
      () => Uint8Array.of(0x80, 200, 0, 1, ...new Uint8Array(24)),
      () => new Uint8Array(0),
      () => Uint8Array.from({ length: 1 + (prng.uint32() >>> 22) }, () => prng.uint32() & 0xff),
      () => hello().subarray(0, 40),
      () => {
        const forged = hello();
        forged[30] = (forged[30] ?? 0) ^ 1;
        return forged;
      },
    ];
    const count = 3000;
    const paid = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const source = { address: `192.0.2.${1 + (i % 200)}`, port: 7000 + i };
      const bytes = shapes[i % shapes.length]?.() ?? new Uint8Array();
      assert.equal(peer.bench.receive(peer.ports[0] as Port, bytes, source), undefined);
      paid.set(formatAddress(source), 3 * bytes.length);
    }
    for (const { destination, bytes } of peer.bench.sent.slice(sentBefore)) {
      if (destination.address === home.address) continue;
      const left = (paid.get(formatAddress(destination)) ?? 0) - bytes.length;
      assert.ok(left >= 0, `more than three times what came from ${formatAddress(destination)}`);
      paid.set(formatAddress(destination), left);
    }
    const { dropped } = peer.bench.engine.counters;
    const sum = (record: Readonly<Record<string, number>>) =>
      Object.values(record).reduce((a, b) => a + b, 0);
    assert.equal(sum(dropped) - sum(before.dropped), count);
    assert.deepEqual(peer.outgoing(), home);
  });

  for (const isShown of [false, true])
    it(`a keyless call takes nothing from one that latch has proven, ${isShown ? 'shown' : 'not shown'}`, () => {
      const peer = proven();
      const keyless = claim(peer.bench, peer.ports[0], home, isShown);
      const heard = peer.bench.receive(peer.ports[0] as Port, rtpOf(peer.ssrc), home);
      assert.equal(heard?.session.call, 'bench');
      assert.equal(keyless.component(0, 1).handleSend(new Uint8Array(172), peer.nowMs), undefined);
      assert.equal(keyless.component(0, 1).counters.delivered, 0);
    });

  it('nor from one that ICE has proven', () => {
    const ice = new IceBench();
    ice.connect(home);
    const keyless = claim(ice.bench, ice.port, home, true);
    const heard = ice.bench.receive(ice.port, rtpOf(5), home);
    assert.notEqual(heard?.session.call, 'keyless');
    assert.equal(keyless.component(0, 1).handleSend(new Uint8Array(172), ice.bench.nowMs), undefined);
  });

  it('a keyless call sends three times what came from there, and to one that is shown as much as it likes', () => {
    const peer = proven();
    const sentBy = (session: ReturnType<typeof claim>): number => {
      let bytes = 0;
      for (let i = 0; i < 50; i++)
        if (session.component(0, 1).handleSend(new Uint8Array(172), peer.nowMs)) bytes += 172;
      return bytes;
    };
    const unshown = claim(peer.bench, peer.ports[0], stranger, false);
    assert.equal(sentBy(unshown), 0);
    const port = peer.ports[0] as Port;
    for (let i = 0; i < 3; i++) {
      peer.bench.receive(port, rtpOf(5, i), stranger);
      assert.equal(sentBy(unshown), 0, 'whoever it is, it is not locked yet');
      peer.advance(20);
    }
    const before = peer.bench.sentTo(stranger).length;
    peer.advance(60);
    const resent = (peer.bench.sentTo(stranger).length - before) * 172;
    assert.equal(resent + sentBy(unshown), 3 * 3 * 172);
    const other = { ...stranger, address: '192.0.2.67' };
    assert.equal(sentBy(claim(peer.bench, peer.ports[0], other, true)), 50 * 172);
  });
});
