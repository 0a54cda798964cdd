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
import type { SipPackage } from '../../plugins/sip/index.js';
import { sdp } from '../plugins/sip-phones.js';

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const STEP_MS = 500;

interface Heard {
  readonly atMs: number;
  readonly first: string;
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

  beforeEach(async () => {
    phone = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    closers.push(() => phone.close());
    await once(phone, 'listening');
    heard = [];
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    closers.push(() => clock.restore());
    beginMs = clock.now;
    phone.on('message', (bytes) =>
      heard.push({ atMs: clock.now - beginMs, first: bytes.toString('latin1').split('\r\n')[0] ?? '' }),
    );
  });
  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
  });

  function invite(port: number): void {
    const body = sdp(phone.address().port);
    const { port: own } = phone.address();
    const lines = [
      `INVITE sip:echo@127.0.0.1:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${own};branch=z9hG4bKnever;rport`,
      'From: <sip:a@127.0.0.1>;tag=from',
      'To: <sip:echo@127.0.0.1>',
      'Call-ID: never',
      'CSeq: 1 INVITE',
      `Contact: <sip:a@127.0.0.1:${own}>`,
      'Content-Type: application/sdp',
      `Content-Length: ${body.length}`,
      '',
      body,
    ];
    phone.send(lines.join('\r\n'), port, '127.0.0.1');
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
    const signalling = latchSip(sip, latchkey);
    const server = new MeetingServer({
      ...{
        signalling,
        seats: new RoomSeats(createRooms(), () => media, '127.0.0.1'),
        advertise: '127.0.0.1',
      },
      admission: new Admission({ isOpen: true }, () => 0),
      onTurnedAway: () => undefined,
      onRefused: () => undefined,
      onAnswered: () => undefined,
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

  it('of an application that itself sends it again: the same', async () => {
    const latchkey = createLatchkey();
    closers.push(() => latchkey.close());
    const stack = latchSip(sip, latchkey).create({ address: '127.0.0.1', port: 0, tcp: false }, (request) => {
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
    });
    closers.push(() => stack.destroy());
    await stack.ready;
    invite(stack.addresses[0]?.port ?? 0);
    await pass(40_000);
    check();
  });
});
