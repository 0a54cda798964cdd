// What a call can be told of its peer (protocol.md 8): kept for the rules of paths, in one spelling, and bounded.
import assert from 'node:assert/strict';
import { Engine, PEER_TRANSPORTS, QUESTION_OUTCOMES } from '../../lib/core/index.js';
import type {
  CallOptions,
  CallHandle,
  PeerSource,
  QuestionOutcome,
  SdpSession,
} from '../../lib/core/index.js';
import { testCrypto } from '../support/crypto.js';
import { Prng } from '../support/prng.js';
import { makeSdp } from '../support/session-description.js';

function engine(): Engine {
  return new Engine({}, testCrypto, new Prng(1));
}

function call(options: Partial<CallOptions> = {}): CallHandle {
  return engine().openCall({ signalling: 'encrypted', ...options });
}

function refuses(act: () => void, says: RegExp): void {
  assert.throws(act, (error: Error & { code?: string }) => {
    assert.match(error.message, says);
    return error.code === 'LATCHKEY_OPTION';
  });
}

describe('what a call is told of its peer (protocol.md 8)', () => {
  it('is nothing at first', () => {
    const { peerAddress, peerTransport, isConfirmed, lastQuestion } = call();
    assert.deepEqual(
      [peerAddress, peerTransport, isConfirmed, lastQuestion],
      [undefined, undefined, false, undefined],
    );
    assert.ok(!call().isShown('192.0.2.1'));
  });

  it('where its descriptions come from: the last one counts, in the spelling of normaliseIp', () => {
    const told = call({ peer: { address: '::ffff:192.0.2.1', transport: 'udp' } });
    assert.deepEqual([told.peerAddress, told.peerTransport], ['192.0.2.1', 'udp']);
    told.peer({ address: '2001:DB8:0::1', transport: 'wss' });
    assert.deepEqual([told.peerAddress, told.peerTransport], ['2001:db8::1', 'wss']);
    told.peer({ transport: 'proxy' });
    assert.deepEqual([told.peerAddress, told.peerTransport], [undefined, 'proxy']);
  });

  it('by way of a proxy a response says nothing of where it is from: what the request before said stays', () => {
    const told = call({ peer: { address: '192.0.2.1', transport: 'proxy' } });
    told.peer({ transport: 'proxy' });
    assert.deepEqual([told.peerAddress, told.peerTransport], ['192.0.2.1', 'proxy']);
    told.peer({ address: '192.0.2.2', transport: 'proxy' });
    assert.equal(told.peerAddress, '192.0.2.2');
  });

  for (const transport of PEER_TRANSPORTS) {
    const isShown = transport !== 'udp' && transport !== 'proxy';
    it(`the address of ${transport} is ${isShown ? 'shown by its connection' : 'not shown by that'}`, () => {
      const told = call({ peer: { address: '192.0.2.1', transport } });
      assert.equal(told.isShown('192.0.2.1'), isShown);
      assert.equal(told.isShown('::ffff:192.0.2.1'), isShown);
      assert.ok(!told.isShown('192.0.2.2') && !told.isShown('phone.example'));
    });
  }

  it('an address that was shown stays so when the peer moves on; of more than eight the oldest goes', () => {
    const told = call();
    for (let i = 1; i <= 8; i++) told.shown(`192.0.2.${i}`);
    told.shown('192.0.2.1');
    told.peer({ address: '192.0.2.9', transport: 'tls' });
    assert.ok(!told.isShown('192.0.2.2'), 'the oldest');
    for (const i of [1, 3, 4, 5, 6, 7, 8, 9]) assert.ok(told.isShown(`192.0.2.${i}`), `${i}`);
  });

  it('that the dialog is confirmed, and what became of a question', () => {
    const told = call();
    told.confirm();
    assert.ok(told.isConfirmed);
    for (const [i, outcome] of QUESTION_OUTCOMES.entries()) {
      told.asked(outcome, 100 + i);
      assert.deepEqual(told.lastQuestion, { outcome, atMs: 100 + i });
    }
  });

  it('is refused where it is wrong, and then nothing has changed', () => {
    const told = call({ peer: { address: '192.0.2.1', transport: 'udp' } });
    refuses(() => told.peer({ address: 'phone.example', transport: 'udp' }), /IP address/);
    refuses(
      () => told.peer({ address: '192.0.2.2', transport: 'sctp' } as unknown as PeerSource),
      /transport/,
    );
    refuses(() => told.shown('192.0.2.300'), /IP address/);
    refuses(() => told.asked('maybe' as QuestionOutcome, 0), /outcome/);
    assert.deepEqual(
      [told.peerAddress, told.peerTransport, told.lastQuestion],
      ['192.0.2.1', 'udp', undefined],
    );
    refuses(() => call({ peer: { address: '', transport: 'udp' } }), /IP address/);
    told.close(0);
    for (const act of [() => told.confirm(), () => told.shown('192.0.2.1'), () => told.asked('answered', 0)])
      assert.throws(act, { code: 'LATCHKEY_CLOSED' });
  });

  it('a session of SDP is told the same, and its forks know none of it: other peers answer there', () => {
    const of = engine();
    const session: SdpSession = of.createSession({
      signalling: 'encrypted',
      peer: { address: '192.0.2.1', transport: 'tls' },
    });
    const place = session.component(0, 1).session;
    assert.deepEqual([place.peerAddress, place.peerTransport], ['192.0.2.1', 'tls']);
    session.peer({ address: '192.0.2.2', transport: 'udp' });
    session.confirm();
    session.shown('192.0.2.3');
    session.asked('refused', 5);
    assert.deepEqual(
      [place.peerAddress, place.isConfirmed, place.lastQuestion?.outcome],
      ['192.0.2.2', true, 'refused'],
    );
    assert.ok(place.isShown('192.0.2.1') && !place.isShown('192.0.2.2') && place.isShown('192.0.2.3'));
    session.setLocal(makeSdp({ address: '203.0.113.1', media: [{ port: 40_000 }] }), 6);
    const fork = session.fork().component(0, 1).session;
    assert.deepEqual([fork.peerAddress, fork.isConfirmed, fork.lastQuestion], [undefined, false, undefined]);
    assert.ok(!fork.isShown('192.0.2.1'));
  });
});
