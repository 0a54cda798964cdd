// Calls whose caller has vanished: when they are silent, and that `serve` then hangs up and gives the ports back.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { EventEmitter } from 'node:events';
import sinon from 'sinon';
import { Admission } from '../../lib/sip/index.js';
import { openMediaSockets } from '../../lib/server/media-sockets.js';
import { MeetingServer } from '../../lib/server/meeting-server.js';
import { RoomSeats } from '../../lib/server/room-seats.js';
import { judgeSilence, SilenceWatch } from '../../lib/sip/silence-watch.js';
import type { WatchedSession } from '../../lib/sip/silence-watch.js';
import { createCounters, createLatchkey } from '../../lib/index.js';
import { createRooms } from '../../lib/room/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import { freePort } from '../plugins/sip-phones.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';

const SILENCE_MS = 60_000;
const LOOK_MS = 5000;
const MAPPING = { address: '192.0.2.1', port: 4000 };

class FakePeer extends EventEmitter {
  isSending = true;
  isAnswering = true;
  isVerified = false;
  asked = 0;
  silent = 0;
  readonly #counters = createCounters();

  get streams() {
    return [{ counters: this.#counters, ...(this.isVerified && { mapping: MAPPING }) }];
  }

  ask(): Promise<boolean> {
    this.asked++;
    return Promise.resolve(this.isAnswering);
  }

  say(): void {
    this.#counters.delivered++;
  }

  expire(): void {
    this.isVerified = false;
    this.emit('expired');
  }
}

describe('the watch for silent calls', () => {
  let clock: sinon.SinonFakeTimers;
  let peer: FakePeer;
  let watch: SilenceWatch;

  const start = (maxSilenceMs = SILENCE_MS) => {
    watch = new SilenceWatch({
      maxSilenceMs,
      session: peer as unknown as WatchedSession,
      ask: () => peer.ask(),
      onSilent: () => peer.silent++,
    });
  };
  const expectMedia = () => watch.expectMedia(() => !peer.isSending);

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    peer = new FakePeer();
    start();
  });
  afterEach(() => {
    watch.stop();
    clock.restore();
  });

  it('tells, once, of a call that never brought a packet, 60 s after its answer', () => {
    clock.tick(10 * SILENCE_MS);
    expectMedia();
    clock.tick(SILENCE_MS - 1);
    assert.equal(peer.silent, 0);
    clock.tick(1);
    assert.equal(peer.silent, 1);
    clock.tick(10 * SILENCE_MS);
    assert.equal(peer.silent, 1);
  });

  it('tells of a call 60 s after its last packet, and not of one that says something', () => {
    expectMedia();
    for (let i = 0; i < 20; i++) {
      peer.say();
      clock.tick(SILENCE_MS / 2);
    }
    assert.equal(peer.silent, 0);
    clock.tick(SILENCE_MS / 2 - LOOK_MS);
    assert.equal(peer.silent, 0);
    clock.tick(2 * LOOK_MS);
    assert.equal(peer.silent, 1);
  });

  it('takes a proved path for a sign of life, until it is lost', () => {
    peer.isVerified = true;
    expectMedia();
    clock.tick(10 * SILENCE_MS);
    assert.equal(peer.silent, 0);
    peer.expire();
    clock.tick(SILENCE_MS - 1);
    assert.equal(peer.silent, 0);
    clock.tick(1);
    assert.equal(peer.silent, 1);
  });

  it('asks who is on hold, and tells of nobody that answers', async () => {
    peer.isSending = false;
    expectMedia();
    await clock.tickAsync(10 * SILENCE_MS);
    assert.ok(peer.asked >= 8 && peer.asked <= 10, `${peer.asked} questions`);
    assert.equal(peer.silent, 0);
    peer.isAnswering = false;
    await clock.tickAsync(SILENCE_MS + LOOK_MS);
    assert.equal(peer.silent, 1);
  });

  it('gives who resumes 60 s anew', async () => {
    peer.isSending = false;
    expectMedia();
    await clock.tickAsync(SILENCE_MS + LOOK_MS);
    peer.isSending = true;
    await clock.tickAsync(SILENCE_MS - 2 * LOOK_MS);
    assert.equal(peer.silent, 0);
  });

  it('where nobody expects media, begins when the last proved path has expired', () => {
    clock.tick(10 * SILENCE_MS);
    assert.equal(peer.silent, 0, 'the application may hear it through sockets of its own');
    peer.isVerified = true;
    clock.tick(10 * SILENCE_MS);
    peer.expire();
    clock.tick(SILENCE_MS - LOOK_MS);
    peer.isVerified = true;
    clock.tick(10 * SILENCE_MS);
    assert.equal(peer.silent, 0);
    peer.expire();
    clock.tick(SILENCE_MS);
    assert.equal(peer.silent, 1);
  });

  it('is off at 0, exact below the interval of its looks, and leaves no timer behind', () => {
    watch.stop();
    peer = new FakePeer();
    start(0);
    expectMedia();
    peer.expire();
    clock.tick(100 * SILENCE_MS);
    assert.equal(peer.silent, 0);
    start(300);
    peer.expire();
    clock.tick(299);
    assert.equal(peer.silent, 0);
    clock.tick(1);
    assert.equal(peer.silent, 1);
    assert.equal(clock.countTimers(), 0);
  });

  it('decides by the length of the silence, and by whether it was announced', () => {
    assert.equal(judgeSilence(59_999, 60_000, true), 'wait');
    assert.equal(judgeSilence(60_000, 60_000, true), 'ask');
    assert.equal(judgeSilence(60_000, 60_000, false), 'silent');
  });
});

describe('a caller without latch that vanishes', () => {
  const closers: (() => void)[] = [];
  let clock: sinon.SinonFakeTimers;
  let restoreLong: () => void;

  before(() => (restoreLong = unrefLongTimers()));
  after(() => restoreLong());
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    clock.restore();
    for (const close of closers.splice(0).reverse()) close();
  });

  for (const hasSpoken of [true, false])
    it(`is hung up on, and its ports are free again: it ${hasSpoken ? 'spoke' : 'never spoke'}`, async () => {
      const sip = createRequire(import.meta.url)('sip') as SipPackage;
      const low = 2 * ((await freePort()) >> 1);
      const media = await openMediaSockets('127.0.0.1', { kind: 'range', low, high: low + 1 });
      closers.push(() => media.close());
      // Latched blindly: one packet is heard at once.
      const latchkey = createLatchkey({ policy: 'blind' });
      closers.push(() => latchkey.close());
      const latch = latchSip(sip, latchkey);
      const server = new MeetingServer({
        ...{
          signalling: latch,
          seats: new RoomSeats(createRooms(), () => [{ advertise: '127.0.0.1', media }]),
        },
        admission: new Admission({ isOpen: true }, () => 0),
        onTurnedAway: () => undefined,
        onRefused: () => undefined,
        onAnswered: () => undefined,
        onQuestion: () => undefined,
        onAcknowledged: () => undefined,
        onFault: (error) => assert.fail(error as Error),
      });
      const stack = latch.create({ address: '127.0.0.1', port: 0 }, (request, flow) =>
        server.handle({ request, flow, stack }),
      );
      closers.push(() => stack.destroy());
      await stack.ready;
      const told: string[] = [];
      latch.on('ended', ({ reason }) => told.push(reason));
      const port = stack.addresses.find(({ protocol }) => protocol === 'UDP')?.port ?? 0;
      const phone = await RawPhone.open(port);
      closers.push(() => phone.close());

      const answer = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
      if (hasSpoken) {
        phone.sendRtp(answer.body, 1);
        await phone.rtp(1);
      }
      // The ACK has come when this is answered.
      assert.equal((await phone.ask('OPTIONS')).status, 200);
      clock.tick(SILENCE_MS - LOOK_MS);
      assert.equal(server.calls.size, 1, told.join());
      clock.tick(2 * LOOK_MS);
      assert.deepEqual(told, ['silence']);
      assert.equal(server.calls.size, 0);
      const bye = await phone.next(({ method }) => method === 'BYE');
      assert.equal(bye.headers.get('call-id'), phone.callId);
      phone.answer(bye);

      const next = await RawPhone.open(port);
      closers.push(() => next.close());
      const again = await next.ask('INVITE', { user: 'echo', body: next.sdp() });
      assert.deepEqual([again.status, mediaPort(again.body)], [200, low]);
    });
});
