// A 200 over UDP that nobody acknowledges: through the server, its dialog and the sip package there is one that sends it again
// (RFC 3261 13.3.1.4). Real sockets, virtual time.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import sinon from 'sinon';
import { createLatchkey } from '../../lib/index.js';
import { createRooms } from '../../lib/room/index.js';
import { Admission } from '../../lib/sip/index.js';
import { openMediaSockets } from '../../lib/server/media-sockets.js';
import { MeetingServer } from '../../lib/server/meeting-server.js';
import { RoomSeats } from '../../lib/server/room-seats.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipLimits, SipPackage } from '../../plugins/sip/index.js';
import { sdp } from '../plugins/sip-phones.js';

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const STEP_MS = 500;
/** To an address that is not shown no more goes than three times what came from there: here it is. */
const shownRanges = ['127.0.0.0/8'];

interface Heard {
  readonly atMs: number;
  readonly sizeBytes: number;
  readonly first: string;
  readonly call: string;
  readonly route: string;
}

/** What has been sent arrives. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a 200 over UDP that is never acknowledged', () => {
  const closers: (() => void)[] = [];
  let clock: sinon.SinonFakeTimers;
  let phone: dgram.Socket;
  let heard: Heard[];
  let beginMs: number;
  let sentBytes: number;

  beforeEach(async () => {
    phone = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    closers.push(() => phone.close());
    await once(phone, 'listening');
    heard = [];
    sentBytes = 0;
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    closers.push(() => clock.restore());
    beginMs = clock.now;
    phone.on('message', (bytes) =>
      heard.push({
        atMs: clock.now - beginMs,
        sizeBytes: bytes.length,
        first: bytes.toString('latin1').split('\r\n')[0] ?? '',
        call: /^Call-ID: (\w+)/m.exec(bytes.toString('latin1'))?.[1] ?? '',
        route: /^Route: *(.*)$/m.exec(bytes.toString('latin1'))?.[1] ?? '',
      }),
    );
  });
  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
  });

  function invite(
    port: number,
    size: 'as phones send it' | 'as small as can be' = 'as phones send it',
    name = 'never',
    from = phone,
    more: readonly string[] = [],
  ): void {
    const body =
      size === 'as phones send it'
        ? sdp(phone.address().port)
        : 'v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n';
    const { port: own } = from.address();
    const lines = [
      `INVITE sip:echo@127.0.0.1:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${own};branch=z9hG4bK${name};rport`,
      ...more,
      'From: <sip:a@127.0.0.1>;tag=from',
      'To: <sip:echo@127.0.0.1>',
      `Call-ID: ${name}`,
      'CSeq: 1 INVITE',
      `Contact: <sip:a@127.0.0.1:${own}>`,
      'Content-Type: application/sdp',
      `Content-Length: ${body.length}`,
      '',
      body,
    ];
    const text = lines.join('\r\n');
    sentBytes += text.length;
    from.send(text, port, '127.0.0.1');
  }

  async function pass(ms: number): Promise<void> {
    await settle();
    for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) {
      await clock.tickAsync(STEP_MS);
      await settle();
    }
  }

  const timesOf = (start: string) =>
    heard.filter(({ first }) => first.startsWith(start)).map(({ atMs }) => atMs);
  const SCHEDULE_MS = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];

  function check(): void {
    assert.deepEqual(timesOf('SIP/2.0 200'), SCHEDULE_MS);
    assert.deepEqual(timesOf('SIP/2.0').length, SCHEDULE_MS.length, 'nothing else is answered');
    assert.equal(timesOf('BYE ')[0], 32_000);
  }

  it('of the distribution server: goes out on that schedule and no more, then BYE', async () => {
    const media = await openMediaSockets('127.0.0.1', { kind: 'shared', port: 'auto' });
    closers.push(() => media.close());
    const latchkey = createLatchkey();
    closers.push(() => latchkey.close());
    const signalling = latchSip(sip, latchkey, { shownRanges });
    const server = new MeetingServer({
      ...{
        signalling,
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
    const listeners = await signalling.listen({ address: '127.0.0.1', udp: 0 }, (arrival) =>
      server.handle(arrival),
    );
    closers.push(() => listeners.close());
    invite(listeners.addresses.get('UDP')?.port ?? 0);
    await pass(40_000);
    check();
    assert.equal(server.calls.size, 0);
  });

  it('of a call through a named proxy that loses the ACK: the same, the BYE takes the route, and the session is closed', async () => {
    const latchkey = createLatchkey();
    closers.push(() => latchkey.close());
    const latch = latchSip(sip, latchkey, { trustedProxies: shownRanges });
    const ends: string[] = [];
    latch.on('ended', ({ reason }) => ends.push(reason));
    const stack = latch.create({ address: '127.0.0.1', port: 0, tcp: false }, (request) => {
      if (request.method !== 'INVITE') return;
      const headers = {
        to: { ...request.headers.to!, params: { tag: 'to' } },
        contact: [{ uri: 'sip:b@127.0.0.1' }],
        'content-type': 'application/sdp',
        'record-route': request.headers['record-route'] ?? '',
      };
      stack.send(sip.makeResponse(request, 200, 'OK', { headers, content: sdp(41_000) }));
    });
    closers.push(() => stack.destroy());
    await stack.ready;
    const route = `<sip:127.0.0.1:${phone.address().port};lr>`;
    const below = 'Via: SIP/2.0/TLS 10.0.0.7:5061;branch=z9hG4bKbelow;received=203.0.113.5';
    const port = stack.addresses[0]?.port ?? 0;
    invite(port, 'as phones send it', 'never', phone, [below, `Record-Route: ${route}`]);
    await pass(40_000);
    check();
    const byes = heard.filter(({ first }) => first.startsWith('BYE '));
    assert.ok(byes.every((bye) => bye.route.trim() === route && /^BYE sip:a@127\.0\.0\.1:/.test(bye.first)));
    assert.deepEqual(ends, ['timeout']);
    assert.equal(latchkey.sessions.size, 0);
  });

  it('of an application that itself sends it again: the same', async () => {
    const latchkey = createLatchkey();
    closers.push(() => latchkey.close());
    const stack = latchSip(sip, latchkey, { shownRanges }).create(
      { address: '127.0.0.1', port: 0, tcp: false },
      (request) => {
        if (request.method !== 'INVITE') return;
        const { to } = request.headers;
        const headers = {
          to: { ...to!, params: { tag: 'to' } },
          contact: [{ uri: 'sip:b@127.0.0.1' }],
          'content-type': 'application/sdp',
        };
        const response = sip.makeResponse(request, 200, 'OK', { headers, content: sdp(41_000) });
        stack.send(response);
        for (const afterMs of [700, 1400, 2800]) setTimeout(() => stack.send(response), afterMs);
      },
    );
    closers.push(() => stack.destroy());
    await stack.ready;
    invite(stack.addresses[0]?.port ?? 0);
    await pass(40_000);
    check();
  });

  describe('to an address that is not shown (protocol.md P11)', () => {
    const heardBytes = () => heard.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

    /** What it is asked it answers by 180 and 200. */
    async function answering(content: string, limits: Partial<SipLimits> = {}): Promise<number> {
      const latchkey = createLatchkey();
      closers.push(() => latchkey.close());
      const stack = latchSip(sip, latchkey, { limits }).create(
        { address: '127.0.0.1', port: 0, tcp: false },
        (request) => {
          if (request.method === 'ACK') return;
          const headers = {
            to: { ...request.headers.to!, params: { tag: 'to' } },
            contact: [{ uri: 'sip:b@127.0.0.1' }],
            'content-type': 'application/sdp',
          };
          if (request.method === 'INVITE')
            stack.send(sip.makeResponse(request, 180, 'Ringing', { headers: { to: headers.to } }));
          stack.send(sip.makeResponse(request, 200, 'OK', { headers, content }));
        },
      );
      closers.push(() => stack.destroy());
      await stack.ready;
      return stack.addresses[0]?.port ?? 0;
    }

    it('goes out, with all that follows, in no more than three times the bytes of the INVITE, and no 1xx does', async () => {
      const port = await answering(sdp(41_000));
      invite(port);
      await pass(70_000);
      assert.ok(heardBytes() > sentBytes && heardBytes() <= 3 * sentBytes, `${heardBytes()} of ${sentBytes}`);
      assert.deepEqual(timesOf('SIP/2.0 1'), []);
      assert.equal(timesOf('SIP/2.0 200')[0], 0);
    });

    it('a call that gives way to others is told so by one BYE, and pays for it', async () => {
      const port = await answering(sdp(41_000), { maxUnconfirmedCallsOfPort: 1 });
      invite(port);
      await settle();
      const paidBytes = 3 * sentBytes;
      invite(port, 'as phones send it', 'newer');
      await pass(70_000);
      const [bye, ...rest] = heard.filter(({ first }) => first.startsWith('BYE '));
      assert.equal(bye?.atMs, 0);
      assert.deepEqual(rest, [], 'no repetition');
      assert.ok((heard[0]?.sizeBytes ?? 0) + (bye?.sizeBytes ?? 0) <= paidBytes);
      assert.ok(heardBytes() <= 3 * sentBytes, `${heardBytes()} of ${sentBytes}`);
    });

    it('where its 200 has used up what was paid, nothing tells it', async () => {
      invite(await answering(sdp(41_000), {}));
      await settle();
      // So long that two of it leave less than a BYE has.
      const spareBytes = Math.floor((3 * sentBytes) / 2) - (heard[0]?.sizeBytes ?? 0) - 20;
      const content = `${sdp(41_000)}a=x:${'x'.repeat(spareBytes - 6)}\r\n`;
      const port = await answering(content, { maxUnconfirmedCallsOfSource: 1 });
      heard.length = 0;
      invite(port, 'as phones send it', 'older');
      await pass(20_000);
      const other = dgram.createSocket('udp4').bind(0, '127.0.0.1');
      closers.push(() => other.close());
      await once(other, 'listening');
      const ofOlder = () => heard.filter(({ call }) => call === 'older').map(({ first }) => first);
      assert.deepEqual(ofOlder(), ['SIP/2.0 200 OK', 'SIP/2.0 200 OK']);
      invite(port, 'as phones send it', 'newer', other);
      await pass(5000);
      assert.equal(ofOlder().length, 2);
    });

    it('an INVITE that comes again pays for the next one', async () => {
      const port = await answering(sdp(41_000));
      for (let i = 0; i < 6; i++) {
        invite(port);
        await pass(4000);
      }
      assert.ok(timesOf('SIP/2.0 200').length >= 5);
      assert.ok(heardBytes() <= 3 * sentBytes);
      assert.deepEqual(timesOf('SIP/2.0 4'), []);
    });

    it('one that could not pay for its 200 is answered 400, once, and there is no call', async () => {
      const port = await answering(sdp(41_000) + 'a=x-long:'.padEnd(1500, 'x') + '\r\n');
      invite(port, 'as small as can be');
      await pass(70_000);
      assert.deepEqual(timesOf('SIP/2.0 400'), [0]);
      assert.equal(heard.length, 1);
      assert.ok(heardBytes() <= 3 * sentBytes);
      invite(port, 'as small as can be');
      await settle();
      assert.equal(timesOf('SIP/2.0 400').length, 2, 'what comes again is answered again');
    });
  });
});
