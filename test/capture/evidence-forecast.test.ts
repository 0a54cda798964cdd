// What a replay says of streams without a key: whom the core would have taken for the sender, on what ground, and when it would have asked (protocol.md 8.3).
import assert from 'node:assert/strict';
import { CallScene, sdpOf, streamOf } from './call-scene.js';

const PHONE = '198.51.100.1:6000';
const SERVER = '192.0.2.1:4000';
const PHONE_SIP = '198.51.100.1:5060';
const SERVER_SIP = '192.0.2.1:5060';
const OUT = [PHONE_SIP, SERVER_SIP] as const;
const BACK = [SERVER_SIP, PHONE_SIP] as const;
const INVITE = 'INVITE sip:b@example.com';
const STRANGER = '203.0.113.9:7000';

/** A phone calls a server; its description has these lines, and its media is said to be there. */
function call(signalled: string, ...lines: string[]): CallScene {
  return new CallScene()
    .sip(0, INVITE, { way: OUT, sdp: sdpOf(signalled, ...lines) })
    .sip(10, '200 OK', { way: BACK, toTag: 'b', sdp: sdpOf(SERVER) })
    .sip(20, 'ACK sip:b@example.com', { way: OUT, toTag: 'b' });
}

const evidenceOf = (scene: CallScene, source: string, destination = SERVER) =>
  streamOf(scene.report(), source, destination).evidence;

describe('capture: what evidence would have made of it', () => {
  it('a stream from the address in the description is locked 60 ms after its first run, unasked', () => {
    const found = evidenceOf(call(PHONE).rtp(100, 1000, [PHONE, SERVER]), PHONE);
    assert.deepEqual(found, {
      taken: true,
      locks: [{ atMs: 200, source: PHONE, ground: 'sdp' }],
      ...{ follows: [], questionsMs: [], contestsMs: [], conflictsMs: [] },
    });
  });

  it('a stream with the SSRC that was announced is locked at its first run, wherever it comes from', () => {
    const scene = call('10.0.0.7:6000', 'a=ssrc:77 cname:phone').rtp(100, 1000, [STRANGER, SERVER], {
      ssrc: 77,
    });
    assert.deepEqual(evidenceOf(scene, STRANGER)?.locks, [{ atMs: 140, source: STRANGER, ground: 'ssrc' }]);
  });

  it('behind a NAT the phone would have been asked, and is locked at home as if it had refused', () => {
    const mapped = '198.51.100.1:61000';
    const found = evidenceOf(call('10.0.0.7:6000').rtp(100, 1000, [mapped, SERVER]), mapped);
    assert.deepEqual(found?.questionsMs, [20]);
    assert.deepEqual(
      found?.locks.map(({ source, ground }) => [source, ground]),
      [[mapped, 'home']],
    );
  });

  it('of two from home that both live it is said that only a port question can tell', () => {
    const [one, other] = ['198.51.100.1:61000', '198.51.100.1:62000'];
    const scene = call('10.0.0.7:6000')
      .rtp(100, 1000, [one, SERVER])
      .rtp(105, 1000, [other, SERVER], { ssrc: 2, sequence: 9000 });
    const found = evidenceOf(scene, one);
    assert.ok(found && found.contestsMs.length > 0);
    assert.deepEqual([found.taken, found.locks], [false, []]);
  });

  it('the stream of a stranger is not taken, and the sender beside it is', () => {
    const scene = call(PHONE)
      .rtp(100, 1000, [PHONE, SERVER])
      .rtp(30, 1000, [STRANGER, SERVER], { ssrc: 2, sequence: 9000 });
    assert.equal(evidenceOf(scene, PHONE)?.taken, true);
    const stranger = evidenceOf(scene, STRANGER);
    assert.equal(stranger?.taken, false);
    assert.deepEqual(stranger?.locks, [{ atMs: 200, source: PHONE, ground: 'sdp' }]);
  });

  it('a stream that goes on from another address is followed; one beside its sender is a conflict', () => {
    const moved = '198.51.100.1:61000';
    const scene = call(PHONE).rtp(100, 1000, [PHONE, SERVER]).rtp(1000, 2000, [moved, SERVER]);
    const { follows, conflictsMs } = evidenceOf(scene, PHONE)!;
    assert.deepEqual([follows.map(({ source }) => source), conflictsMs], [[moved], []]);
    assert.ok(follows[0]!.atMs <= 1120);
    const copied = call(PHONE)
      .rtp(100, 1000, [PHONE, SERVER])
      .rtp(503, 1000, [STRANGER, SERVER], { sequence: 26 });
    assert.ok(evidenceOf(copied, PHONE)!.conflictsMs.length > 0);
    assert.deepEqual(evidenceOf(copied, PHONE)!.follows, []);
  });

  it('each side is looked for by the other', () => {
    const scene = call(PHONE).rtp(100, 1000, [PHONE, SERVER]).rtp(100, 1000, [SERVER, PHONE], { ssrc: 5 });
    assert.equal(evidenceOf(scene, SERVER, PHONE)?.locks[0]?.ground, 'sdp');
    assert.equal(evidenceOf(scene, PHONE)?.locks[0]?.ground, 'sdp');
  });

  it('says nothing of what goes elsewhere than its receiver said, of calls with keys, and of what no call names', () => {
    const elsewhere = call(PHONE).rtp(100, 1000, [PHONE, '10.1.1.1:4000']);
    assert.equal(evidenceOf(elsewhere, PHONE, '10.1.1.1:4000'), null);
    const unnamed = new CallScene().rtp(0, 1000, [PHONE, SERVER]);
    assert.equal(evidenceOf(unnamed, PHONE), null);
    const ice = ['a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx'];
    const keyed = new CallScene()
      .sip(0, INVITE, { way: OUT, sdp: sdpOf(PHONE, ...ice) })
      .sip(10, '200 OK', { way: BACK, toTag: 'b', sdp: sdpOf(SERVER, ...ice) })
      .rtp(100, 1000, [PHONE, SERVER]);
    assert.equal(evidenceOf(keyed, PHONE), null);
    // What one side alone offers is agreed on by nobody.
    const half = new CallScene()
      .sip(0, INVITE, { way: OUT, sdp: sdpOf(PHONE, ...ice) })
      .sip(10, '200 OK', { way: BACK, toTag: 'b', sdp: sdpOf(SERVER) })
      .rtp(100, 1000, [PHONE, SERVER]);
    assert.equal(evidenceOf(half, PHONE)?.taken, true);
  });
});
