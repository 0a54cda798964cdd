// Calls whose caller has vanished: when they are silent, and that `serve` then hangs up and gives the ports back.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import sinon from 'sinon';
import { openMediaSockets } from '../../lib/server/media-sockets.js';
import { MeetingServer } from '../../lib/server/meeting-server.js';
import { SILENCE_MS, SilenceWatch } from '../../lib/server/silence-watch.js';
import type { WatchedCall } from '../../lib/server/silence-watch.js';
import { createCounters, createLatchkey } from '../../lib/index.js';
import * as room from '../../lib/room/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import { freePort } from '../plugins/sip-phones.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';

const LOOK_MS = 5000;
const MAPPING = { address: '192.0.2.1', port: 4000 };

class FakeCall implements WatchedCall {
  isUp = true;
  isSending = true;
  isAnswering = true;
  asked = 0;
  readonly stream = { counters: createCounters() };
  #isVerified = false;

  set isVerified(isVerified: boolean) {
    this.#isVerified = isVerified;
  }

  get session() {
    return { streams: [{ ...this.stream, ...(this.#isVerified && { mapping: MAPPING }) }] };
  }

  get leg() {
    return { streams: [{ isSending: this.isSending }] };
  }

  isThere(): Promise<boolean> {
    this.asked++;
    return Promise.resolve(this.isAnswering);
  }

  say(): void {
    this.stream.counters.delivered++;
  }
}

describe('the watch for silent calls', () => {
  let clock: sinon.SinonFakeTimers;
  let call: FakeCall;
  let watch: SilenceWatch<FakeCall>;
  let silent: FakeCall[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    call = new FakeCall();
    silent = [];
    watch = new SilenceWatch(
      () => [call].filter((one) => !silent.includes(one)),
      (one) => silent.push(one),
    );
  });
  afterEach(() => {
    watch.close();
    clock.restore();
  });

  it('tells of a call that never brought a packet, 60 s after its answer', () => {
    call.isUp = false;
    clock.tick(10 * SILENCE_MS);
    call.isUp = true;
    clock.tick(SILENCE_MS);
    assert.deepEqual(silent, []);
    clock.tick(LOOK_MS);
    assert.deepEqual(silent, [call]);
  });

  it('tells of a call 60 s after its last packet, and not of one that says something', () => {
    for (let i = 0; i < 20; i++) {
      call.say();
      clock.tick(SILENCE_MS / 2);
    }
    assert.deepEqual(silent, []);
    clock.tick(SILENCE_MS / 2);
    assert.deepEqual(silent, []);
    clock.tick(LOOK_MS);
    assert.deepEqual(silent, [call]);
  });

  it('takes a proved path for a sign of life, until it is lost', () => {
    call.isVerified = true;
    clock.tick(10 * SILENCE_MS);
    assert.deepEqual(silent, []);
    call.isVerified = false;
    clock.tick(SILENCE_MS - LOOK_MS);
    assert.deepEqual(silent, []);
    clock.tick(2 * LOOK_MS);
    assert.deepEqual(silent, [call]);
  });

  it('asks who is on hold, and tells of nobody that answers', async () => {
    call.isSending = false;
    await clock.tickAsync(10 * SILENCE_MS);
    assert.ok(call.asked >= 8 && call.asked <= 10, `${call.asked} questions`);
    assert.deepEqual(silent, []);
    call.isAnswering = false;
    await clock.tickAsync(SILENCE_MS + LOOK_MS);
    assert.deepEqual(silent, [call]);
  });

  it('gives who resumes 60 s anew', async () => {
    call.isSending = false;
    await clock.tickAsync(SILENCE_MS + LOOK_MS);
    call.isSending = true;
    await clock.tickAsync(SILENCE_MS - LOOK_MS);
    assert.deepEqual(silent, []);
  });
});

describe('a caller without latch that vanishes', () => {
  const closers: (() => void)[] = [];
  let clock: sinon.SinonFakeTimers;
  let restoreLong: () => void;

  before(() => (restoreLong = unrefLongTimers()));
  after(() => restoreLong());
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
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
      const latchkey = createLatchkey();
      closers.push(() => latchkey.close());
      const latch = latchSip(sip, latchkey);
      const server = new MeetingServer({
        ...{ signalling: latch, room, rooms: room.createRooms(), media, advertise: '127.0.0.1' },
        onRefused: () => undefined,
        onAnswered: () => undefined,
        onFault: (error) => assert.fail(error as Error),
      });
      const stack = latch.create({ address: '127.0.0.1', port: 0 }, (request, flow) =>
        server.handle({ request, flow, stack }),
      );
      closers.push(() => stack.destroy());
      await stack.ready;
      const told: string[] = [];
      const watch = new SilenceWatch(
        () => server.calls.values(),
        (call) => {
          told.push(call.roomName);
          void call.hangUp();
        },
      );
      closers.push(() => watch.close());
      const port = stack.addresses.find(({ protocol }) => protocol === 'UDP')?.port ?? 0;
      const phone = await RawPhone.open(port);
      closers.push(() => phone.close());

      const answer = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
      if (hasSpoken) {
        phone.sendRtp(answer.body, 1);
        await phone.rtp(1);
      }
      clock.tick(SILENCE_MS);
      assert.equal(server.calls.size, 1);
      clock.tick(LOOK_MS);
      assert.deepEqual(told, ['echo']);
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
