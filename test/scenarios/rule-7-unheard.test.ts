// protocol.md 7: nobody is left out in silence.
import assert from 'node:assert/strict';
import type { Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/index.js';
import { EngineBench, VerifierBench } from '../support/engine-bench.js';
import { makeRtp } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';

const signalled = { address: '10.0.0.7', port: 4000 };
const mapping = { address: '198.51.100.7', port: 20_000 };
const local = { address: '203.0.113.1', port: 40_000 };

/** A call with a phone that has no key, behind a NAT. */
class PlainPhone {
  readonly bench = new EngineBench();
  readonly session: SdpSession;
  readonly port: Port;
  #sequence = 0;

  constructor(address = signalled.address) {
    this.session = this.bench.engine.createSession({ call: 'plain', signalling: 'encrypted' });
    this.port = this.bench.engine.openPort(local);
    this.session.component(0, 1).attach(this.port, this.bench.nowMs);
    const offer = makeSdp({ address, media: [{ port: signalled.port, isMuxed: true }] });
    assert.ok(this.session.setRemote(offer, this.bench.nowMs).accepted);
    const media = [{ port: local.port, isMuxed: true }];
    this.session.setLocal(makeSdp({ address: local.address, media }), this.bench.nowMs);
    this.bench.drain();
  }

  /** Packets of 20 ms. */
  talk(forMs: number, source: TransportAddress = mapping): void {
    for (let ms = 0; ms < forMs; ms += 20) {
      const payload = new Uint8Array(160);
      const timestamp = this.#sequence * 160;
      const bytes = makeRtp({ ssrc: 5, sequence: this.#sequence++, timestamp, payload });
      this.bench.receive(this.port, bytes, source);
      this.bench.advance(20);
    }
  }

  get told() {
    return this.bench.eventsOf('unheard');
  }
}

describe('rule 7: who is not heard', () => {
  it('media that is not taken, while none is, is told with both addresses after 5 s: the peer may be told by evidence until then', () => {
    const call = new PlainPhone();
    call.talk(4980);
    assert.equal(call.told.length, 0, 'it may be a stray packet, or the peer');
    call.talk(300);
    const [event, ...more] = call.told;
    assert.equal(more.length, 0);
    assert.ok(event?.type === 'unheard');
    assert.deepEqual([event.remote, event.expected, event.local], [mapping, signalled, local]);
    assert.deepEqual([event.call, event.media, event.component], ['plain', 0, 1]);
  });

  it('and then at most every 5 s', () => {
    const call = new PlainPhone();
    call.talk(21_000);
    const atMs = call.told.map((event) => event.atMs);
    assert.equal(atMs.length, 4);
    for (const [index, ms] of atMs.slice(1).entries()) assert.ok(ms - (atMs[index] ?? 0) >= 5000);
  });

  it('not while media is taken, whoever else sends', () => {
    const call = new PlainPhone(mapping.address);
    for (let i = 0; i < 500; i++) {
      call.talk(20, { ...mapping, port: signalled.port });
      call.talk(20, { address: '192.0.2.66', port: 6000 });
    }
    assert.equal(call.told.length, 0);
  });

  it('not for single packets, however many hours they come', () => {
    const call = new PlainPhone();
    for (let i = 0; i < 100; i++) {
      call.talk(20);
      call.bench.advance(6000);
    }
    assert.equal(call.told.length, 0);
  });

  it('who could prove himself has 5 s for it', () => {
    const peer = new VerifierBench();
    const rtp = (i: number) =>
      makeRtp({ ssrc: 9, sequence: i, timestamp: i * 160, payload: new Uint8Array(160) });
    for (let i = 0; i < 240; i++) {
      peer.receive(rtp(i), mapping);
      peer.advance(20);
    }
    assert.equal(peer.bench.eventsOf('unheard').length, 0);
    for (let i = 240; i < 270; i++) {
      peer.receive(rtp(i), mapping);
      peer.advance(20);
    }
    const [event] = peer.bench.eventsOf('unheard');
    assert.ok(event?.type === 'unheard');
    assert.deepEqual([event.remote, event.expected], [mapping, peer.signalled]);
  });

  it('5 s after the confirmation, where nothing can be sent, once', () => {
    const call = new PlainPhone();
    call.bench.advance(1000);
    call.session.confirm(call.bench.nowMs);
    call.bench.advance(4900);
    assert.equal(call.told.length, 0);
    call.bench.advance(200);
    const [event] = call.told;
    assert.ok(event?.type === 'unheard');
    assert.deepEqual([event.remote, event.expected], [undefined, signalled]);
    call.session.confirm(call.bench.nowMs);
    call.bench.advance(20_000);
    assert.equal(call.told.length, 1);
  });

  it('not where media goes out, or nobody has any, or the peer is on hold', () => {
    const near = new PlainPhone(mapping.address);
    near.session.confirm(near.bench.nowMs);
    near.bench.advance(10_000);
    assert.equal(near.told.length, 0, 'there is a way, and nothing was to go');
    const peer = new VerifierBench();
    peer.verify(mapping);
    peer.session.confirm(peer.nowMs);
    peer.advance(10_000);
    assert.equal(peer.bench.eventsOf('unheard').length, 0);
    const ended = new PlainPhone();
    ended.session.confirm(ended.bench.nowMs);
    ended.session.close(ended.bench.nowMs);
    ended.bench.advance(10_000);
    assert.equal(ended.told.length, 0);
  });

  it('a prover of latch that never says hello is told of as well', () => {
    const peer = new VerifierBench();
    peer.session.confirm(peer.nowMs);
    peer.advance(5100);
    assert.equal(peer.bench.eventsOf('unheard').filter(({ component }) => component === 1).length, 1);
  });
});
