// The distribution server as an application has it: in this process, over real sockets, with phones that write every byte
// themselves.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { createSocket } from 'node:dgram';
import { inspect } from 'node:util';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey } from '../../lib/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type {
  DistributionServer,
  DistributionServerEvents,
  DistributionServerOptions,
  Listening,
  MediaSockets,
} from '../../lib/server/index.js';
import { openMediaSockets } from '../../lib/server/media-sockets.js';
import { latchSip } from '../../plugins/sip/index.js';
import { Callee, plainSdp, rtp, until } from '../cli/callee.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';
import { MemoryNetwork } from '../net/memory-network.js';
import { KeyStore } from '../plugins/key-store.js';
import { sip } from '../plugins/sip-phones.js';
import { block, compound, receiverReport, senderReport } from '../room/participants.js';

const SECRET = '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI';
const LATCH = `a=latch:1 Xk3pQ7vT0aLm ${SECRET} suites=HMAC-SHA-256,AES-256`;
/** The middle of the NTP time in `senderReport`. */
const REPORT_TIME = 0x00018000;
const NAMES = [
  'session',
  'answered',
  'rejected',
  'ended',
  'joined',
  'left',
  'callout',
  'latch',
  'fault',
] as const;

type Told = {
  [Name in (typeof NAMES)[number]]: [name: Name, event: DistributionServerEvents[Name][0]];
}[(typeof NAMES)[number]];

const closers: (() => unknown)[] = [];

/** A server on free ports of this machine, and all that it tells. */
async function start(
  options: DistributionServerOptions = {},
): Promise<{ server: DistributionServer; listening: Listening; told: Told[] }> {
  const server = createDistributionServer({
    signalling: (latchkey) => latchSip(sip, latchkey),
    listen: { udp: 'auto' },
    media: { kind: 'shared', port: 'auto' },
    ...options,
  });
  const told: Told[] = [];
  for (const name of NAMES)
    (server as unknown as EventEmitter).on(name, (event: unknown) => told.push([name, event] as Told));
  const listening = await server.start();
  closers.push(() => server.close({ graceMs: 100 }));
  return { server, listening, told };
}

async function phoneOf({ sip: at }: Listening): Promise<RawPhone> {
  const phone = await RawPhone.open(at.UDP?.port ?? 0);
  closers.push(() => phone.close());
  return phone;
}

/** The names of what was told, of the events of sessions only those of RTP. */
function names(told: readonly Told[]): string[] {
  return told.flatMap(([name, event]) => {
    if (name !== 'latch') return name;
    return event.component === 1 ? `latch ${event.type}` : [];
  });
}

const ssrcOf = ({ tag }: RawPhone): number => parseInt(tag, 16);

describe('latchkey/server', () => {
  let restore: () => void;
  before(() => (restore = unrefLongTimers()));
  after(() => restore());
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('tells of a call from its INVITE to its end, and answers OPTIONS and callers', async () => {
    const { server, listening, told } = await start();
    const phone = await phoneOf(listening);
    assert.equal((await phone.ask('OPTIONS')).status, 200);
    const { status } = await phone.ask('INVITE', { user: 'tea', body: phone.sdp() });
    assert.equal(status, 200);
    // Over UDP the caller is in the room when its ACK has come: anybody can write an address into a datagram.
    await until(() => names(told).includes('joined'));
    const [call] = server.snapshot().calls;
    const session = call?.session;
    assert.equal(call?.name, 'raw');
    const local = call?.paths[0]?.local;
    assert.ok(local);
    const place = { session, call: phone.callId };
    const remote = { address: '127.0.0.1', port: phone.media.address().port };
    assert.deepEqual(told, [
      ['session', { ...place, component: 1, media: 0, remote, room: 'tea', direction: 'in' }],
      ['latch', { ...place, ...{ component: 1, media: 0 }, local, remote, type: 'unprotected' }],
      ['answered', { ...place, room: 'tea', protection: 'evidence' }],
      ['joined', { ...place, room: 'tea' }],
    ]);
    told.length = 0;
    assert.equal((await phone.ask('BYE')).status, 200);
    await until(() => names(told).includes('latch closed'));
    assert.deepEqual(names(told).sort(), ['ended', 'latch closed', 'left']);
    assert.deepEqual(
      told.find(([name]) => name === 'ended'),
      ['ended', { ...place, room: 'tea', reason: 'bye' }],
    );
    const { calls, rooms, counters } = server.snapshot();
    assert.deepEqual([calls, rooms, counters.protections['evidence'], counters.faults], [[], [], 1, {}]);
  });

  it('tells whom it refuses, and why', async () => {
    const { listening, told } = await start({ latchkey: { policy: 'require' } });
    const phone = await phoneOf(listening);
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 488);
    const [, rejected] = told.find(([name]) => name === 'rejected') as [
      'rejected',
      { status: number; warning: string },
    ];
    assert.equal(rejected.status, 488);
    assert.match(rejected.warning, /latch is required/);
    assert.ok(!names(told).includes('joined'));
  });

  it('snapshot: paths, rooms, and of each participant loss, jitter and round trip', async () => {
    const { server, listening } = await start();
    const [alice, bob] = [await phoneOf(listening), await phoneOf(listening)];
    const { body } = await alice.ask('INVITE', { user: 'tea', body: alice.sdp('a=rtcp-mux') });
    const ofBobs = await bob.ask('INVITE', { user: 'tea', body: bob.sdp('a=rtcp-mux') });
    for (const sequence of [1, 2, 4]) alice.sendRtp(body, sequence);
    await bob.rtp(3);
    bob.sendRun(ofBobs.body);
    await alice.rtp(3);
    const send = (from: RawPhone, bytes: Uint8Array) => from.media.send(bytes, mediaPort(body), '127.0.0.1');
    send(alice, compound(senderReport(ssrcOf(alice))));
    await bob.rtp(4);
    // Bob says that it answered at once: what passes now is the way.
    await new Promise((resolve) => setTimeout(resolve, 40));
    // What nothing proves goes to the others under a number of the server's (docs/protocol.md 8.3.11).
    const shown = (await bob.rtp(4))[0]!.readUInt32BE(8);
    assert.notEqual(shown, ssrcOf(alice));
    const report = block(shown, 160);
    report.setFractionLost(64);
    report.setTotalLost(1);
    report.setLastSRTimestamp(REPORT_TIME);
    report.setDelaySinceLastSR(0);
    const receiver = receiverReport(ssrcOf(bob));
    receiver.setReports([report]);
    send(bob, compound(receiver));
    await alice.rtp(4);

    const { calls, rooms, counters } = server.snapshot();
    const [ofAlice, ofBob] = calls;
    assert.ok(ofAlice && ofBob);
    assert.deepEqual(rooms, [{ name: 'tea', sessions: [ofAlice.session, ofBob.session] }]);
    const [path] = ofAlice.paths;
    assert.ok(path && ofAlice.paths.length === 1);
    const remote = { address: '127.0.0.1', port: alice.media.address().port };
    assert.deepEqual(
      [path.media, path.component, path.protection, path.local, path.remote, path.mapping],
      [0, 1, 'evidence', { address: '127.0.0.1', port: mediaPort(body) }, remote, remote],
    );
    assert.deepEqual(
      ofAlice.sends.map(({ ssrc, channel, packets, expected, lost }) => [
        ssrc,
        channel,
        packets,
        expected,
        lost,
      ]),
      [[shown, 'audio', 3, 4, 1]],
    );
    const [heard] = ofBob.reports;
    assert.ok(heard?.roundTripMs !== undefined);
    assert.deepEqual(
      [heard.ssrc, heard.from, heard.fractionLost, heard.lost, heard.jitterMs],
      [shown, ofAlice.session, 0.25, 1, 20],
    );
    assert.ok(heard.roundTripMs >= 39 && heard.roundTripMs < 2000, `${heard.roundTripMs} ms`);
    assert.deepEqual([ofAlice.reports, ofBob.sends.map(({ packets }) => packets)], [[], [3]]);
    assert.equal(counters.distribution.received, 6);
    assert.deepEqual([ofAlice.distribution?.received, ofBob.distribution?.sent], [3, 3]);
  });

  it('what it tells is plain, stays as it was, and holds no secret', async () => {
    const { server, listening, told } = await start();
    const phone = await phoneOf(listening);
    const { body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp(LATCH) });
    const ours = /^a=latch:1 \S+ (\S{43})/m.exec(body)?.[1];
    assert.ok(ours);
    const before = server.snapshot();
    assert.deepEqual(structuredClone(before), before);
    assert.equal(before.calls[0]?.protection, 'latch');
    const kept = JSON.stringify(before);
    phone.sendRtp(body, 1);
    await until(() => server.counters.received > 0);
    assert.equal(JSON.stringify(before), kept, 'a snapshot does not move');
    for (const text of [
      kept,
      JSON.stringify(told),
      inspect(server, { depth: 9 }),
      inspect(told, { depth: 9 }),
    ])
      assert.ok(!text.includes(SECRET) && !text.includes(ours));
  });

  it('calls out, and says what became of it', async () => {
    const { server, told } = await start({ listen: { udp: 'auto', tcp: 'auto' } });
    const callee = await Callee.start(async (invite, at) => {
      const phone = await at.phone(invite);
      at.respond(invite, 200, phone.tag, phone.sdp);
    });
    closers.push(() => callee.close());
    const result = await server.callOut(callee.uri(), 'tea');
    assert.deepEqual([result.status, result.room, result.uri], [200, 'tea', callee.uri()]);
    assert.equal(server.snapshot().calls[0]?.session, result.session);
    assert.equal(server.snapshot().calls[0]?.name, 'callee');
    assert.deepEqual(
      told.filter(([name]) => name === 'callout' || name === 'session').map(([, event]) => event),
      [{ ...(told[0]?.[1] as object), room: 'tea', direction: 'out' }, result],
    );
    const unheard = await server.callOut('sip:a@127.0.0.1:9;transport=tls', 'tea');
    assert.deepEqual([unheard.status, unheard.session], [503, undefined]);
    const late = await server.callOut(`sip:a@127.0.0.1:${await silentPort()};transport=udp`, 'tea', {
      ringMs: 50,
    });
    assert.equal(late.status, 408);
    for (const [uri, room, options] of [
      ['nobody', 'tea', {}],
      ['sip:a@127.0.0.1', '', {}],
      ['sip:a@127.0.0.1', 'tea', { ringMs: -1 }],
      ['sip:a@127.0.0.1', 'tea', { rings: 3 }],
    ] as [string, string, object][])
      await assert.rejects(server.callOut(uri, room, options), { code: 'LATCHKEY_OPTION' });
  });

  it('a seat is taken by any signalling: a server without SIP', async () => {
    const { server, listening } = await start({ signalling: undefined, listen: {} });
    assert.deepEqual(listening.sip, {});
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closers.push(() => socket.close());
    const offer = plainSdp(socket.address().port);
    const session = server.latchkey.createSession({ signalling: 'encrypted', call: 'by post' });
    assert.deepEqual(session.setRemote(offer), { accepted: true });
    const seat = server.seat('echo', session);
    await seat.lend(offer);
    const answered = seat.answer(offer);
    assert.ok(answered.ok);
    const answer = session.setLocal(answered.sdp);
    const packets = [1, 2, 3].map((sequence) =>
      Buffer.concat([Buffer.from(`8000000${sequence}000000a000001234`, 'hex'), Buffer.from('said')]),
    );
    for (const packet of packets) socket.send(packet, mediaPort(answer), '127.0.0.1');
    const [heard] = (await once(socket, 'message')) as [Buffer];
    assert.deepEqual(heard, packets[0]);
    const [call] = server.snapshot().calls;
    assert.deepEqual(
      [call?.call, call?.room, call?.paths[0]?.local?.port],
      ['by post', 'echo', mediaPort(answer)],
    );
    await assert.rejects(server.callOut('sip:a@127.0.0.1', 'tea'), { code: 'LATCHKEY_STATE' });
    seat.leave();
    session.close();
    seat.release();
    assert.deepEqual(server.snapshot().rooms, []);
    const stranger = server.latchkey.createSession({ signalling: 'clear' });
    const refused = server.seat('echo', stranger).answer('no description');
    assert.ok(!refused.ok && refused.reason === 'description');
  });

  it('its rooms read descriptions under the limits of its latchkey', async () => {
    const sdpLimits = { maxMids: 400 };
    const offer = `${plainSdp(40_000)}a=mid:0\r\n`.replace(
      't=0 0\r\n',
      `t=0 0\r\na=group:BUNDLE${Array.from({ length: 300 }, (_, i) => ` ${i}`).join('')}\r\n`,
    );
    const latchkey = createLatchkey({ sdpLimits });
    closers.push(() => latchkey.close());
    for (const given of [{ sdpLimits }, latchkey, {}]) {
      const { server } = await start({ signalling: undefined, listen: {}, latchkey: given });
      const session = server.latchkey.createSession({ signalling: 'loopback' });
      const isRaised = given !== undefined && 'sdpLimits' in given;
      assert.equal(session.setRemote(offer).accepted, isRaised);
      const seat = server.seat('tea', session);
      await seat.lend(offer);
      assert.equal(seat.answer(offer).ok, isRaised);
      seat.release();
    }
  });

  it('media goes over any sockets that it is given, by the batch, with one look at the clock for each', async () => {
    const network = new MemoryNetwork();
    const at = { address: '127.0.0.1', port: 40_000 };
    const own = network.open(at.address, at.port);
    const phone = network.open('127.0.0.1', 50_000);
    let released = 0;
    const media: MediaSockets = {
      ports: '40000',
      lend: () =>
        Promise.resolve({
          ...{ rtp: own, rtcp: network.open(at.address, at.port + 1), rtpPort: at.port },
          release: () => void released++,
        }),
      close: () => undefined,
    };
    const { server } = await start({ signalling: undefined, listen: {}, media });
    const offer = plainSdp(50_000);
    // Latched blindly, so that the first packet is heard at once.
    const session = server.latchkey.createSession({ signalling: 'loopback', policy: 'blind' });
    session.setRemote(offer);
    const seat = server.seat('echo', session);
    await seat.lend(offer);
    const answered = seat.answer(offer);
    assert.ok(answered.ok);
    session.setLocal(answered.sdp);
    const heard: Buffer[] = [];
    phone.receive({
      onBatch: (batch) => heard.push(...batch.map(({ bytes }) => Buffer.from(bytes))),
      onError: () => undefined,
      onClose: () => undefined,
    });
    const packets = [1, 2, 3, 5].map((sequence) => rtp(sequence));
    for (const packet of packets) phone.send(packet, at.port, at.address, () => undefined);
    phone.flush();
    const flushes = own.flushes;
    network.deliver();
    assert.deepEqual(heard, packets);
    assert.equal(own.flushes, flushes + 1);
    const { sends, paths } = server.snapshot().calls[0] ?? {};
    // All at once, though their timestamps are 20 ms apart: a sixteenth of 20, of what is left of that, and of 40.
    // In whole ticks, 8 a millisecond, as RFC 3550 A.8 has it.
    const jitter = [160, 160, 320].reduce((sum, late) => sum + late - ((sum + 8) >> 4), 0);
    const jitterMs = jitter / 16 / 8;
    assert.deepEqual(sends, [{ ssrc: 0x1234, channel: 'audio', packets: 4, expected: 5, lost: 1, jitterMs }]);
    assert.deepEqual(paths?.[0]?.local, at);
    await server.close();
    assert.equal(released, 1, 'the ports are given back');
  });

  it('closes: BYE to everybody, every port free, nothing heard or asked any more', async () => {
    const { server, listening, told } = await start();
    const phone = await phoneOf(listening);
    await phone.ask('INVITE', { body: phone.sdp() });
    await until(() => names(told).includes('joined'));
    const closing = server.close({ graceMs: 5000 });
    phone.answer(await phone.next(({ method }) => method === 'BYE'));
    await closing;
    await server.close();
    assert.deepEqual(names(told).slice(-3).sort(), ['ended', 'latch closed', 'left']);
    assert.deepEqual([server.snapshot().listening, server.snapshot().calls], [undefined, []]);
    const port = listening.sip.UDP?.port ?? 0;
    const again = await start({
      listen: { udp: port },
      media: { kind: 'shared', port: Number(listening.media) },
    });
    assert.equal(again.listening.sip.UDP?.port, port);
    assert.throws(() => server.latchkey.createSession({ signalling: 'clear' }), { code: 'LATCHKEY_CLOSED' });
    await assert.rejects(server.start(), { code: 'LATCHKEY_STATE' });
    await assert.rejects(server.callOut('sip:a@127.0.0.1', 'tea'), { code: 'LATCHKEY_CLOSED' });
    assert.throws(() => server.seat('tea', {} as never), { code: 'LATCHKEY_CLOSED' });
  });

  it("leaves alone what is the application's: latchkey, signalling and sockets", async () => {
    const latchkey: Latchkey = createLatchkey();
    closers.push(() => latchkey.close());
    const signalling = latchSip(sip, latchkey);
    const sockets = await openMediaSockets('127.0.0.1', { kind: 'shared', port: 'auto' });
    closers.push(() => sockets.close());
    let lent = 0;
    const media: MediaSockets = {
      ports: sockets.ports,
      lend: () => {
        lent++;
        return sockets.lend();
      },
      close: () => assert.fail('they are not its own'),
    };
    const { server, listening } = await start({ latchkey, signalling, media });
    const phone = await phoneOf(listening);
    const { body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
    assert.deepEqual([lent, mediaPort(body)], [1, Number(sockets.ports)]);
    phone.sendRun(body);
    await phone.rtp(1);
    await server.close({ graceMs: 50 });
    const pair = await sockets.lend();
    assert.equal(pair?.rtp.local?.port, pair?.rtpPort);
    latchkey.createSession({ signalling: 'clear' }).close();
    assert.equal(latchkey.listenerCount('event'), 0);
    assert.deepEqual([signalling.listenerCount('session'), signalling.listenerCount('fault')], [0, 0]);
  });

  it('a listener of the application that throws is a fault, and breaks nothing', async () => {
    const { server, listening, told } = await start();
    server.on('joined', () => {
      throw new Error('of the application');
    });
    const phone = await phoneOf(listening);
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
    await until(() => names(told).includes('fault'));
    const [, fault] = told.find(([name]) => name === 'fault') as [
      'fault',
      { kind: string; where: string; error: Error },
    ];
    assert.deepEqual(
      [fault.kind, fault.where, fault.error.message],
      ['defect', 'listener', 'of the application'],
    );
    assert.deepEqual(server.counters.faults, { listener: 1 });
  });

  it('a tap of its rooms is told what participants send; what it throws is a fault, and breaks nothing', async () => {
    const { server, listening } = await start();
    const [alice, bob] = [await phoneOf(listening), await phoneOf(listening)];
    const { body } = await alice.ask('INVITE', { user: 'tea', body: alice.sdp('a=rtcp-mux') });
    await bob.ask('INVITE', { user: 'tea', body: bob.sdp() });
    const heard: unknown[] = [];
    server.rooms.tap({
      onPacket: ({ call }, { ssrc, format }) => {
        heard.push([call, ssrc, format.codec]);
        throw new Error('a defect of the tap');
      },
      onReport: ({ call }, { ssrc }) => heard.push([call, ssrc]),
    });
    alice.sendRun(body);
    const shown = (await bob.rtp(3))[0]!.readUInt32BE(8);
    alice.media.send(compound(senderReport(ssrcOf(alice))), mediaPort(body), '127.0.0.1');
    await until(() => heard.length >= 4);
    assert.deepEqual(heard, [
      ...[1, 2, 3].map(() => [alice.callId, shown, 'PCMU/8000']),
      [alice.callId, shown],
    ]);
    assert.deepEqual(server.counters.faults, { listener: 3 });
  });

  it('a room that is closed at two takes no third, and passes the packets on as they are', async () => {
    const { listening } = await start({ rooms: { isPair: (name) => name === 'tea' } });
    const [alice, bob, carol] = [
      await phoneOf(listening),
      await phoneOf(listening),
      await phoneOf(listening),
    ];
    const { body } = await alice.ask('INVITE', { user: 'tea', body: alice.sdp() });
    await bob.ask('INVITE', { user: 'tea', body: bob.sdp() });
    assert.equal((await carol.ask('INVITE', { user: 'tea', body: carol.sdp() })).status, 486);
    alice.sendRun(body);
    const heard = await bob.rtp(3);
    assert.deepEqual(
      heard.map((packet) => packet.readUInt32BE(8)),
      heard.map(() => ssrcOf(alice)),
    );
  });

  it('a call whose key another process holds waits for it, and takes nothing up meanwhile; one that fails is a fault', async () => {
    const store = new KeyStore();
    const { server, listening, told } = await start({ latchkey: { fetchKey: store.fetchKey } });
    const phone = await phoneOf(listening);
    const answered = phone.ask('INVITE', { user: 'tea', body: phone.sdp(`${LATCH} kid=phone-7`) });
    await store.askedFor(1);
    assert.deepEqual([told, server.snapshot().calls.length], [[], 0]);
    store.give();
    const { status, body } = await answered;
    assert.equal(status, 200);
    assert.match(body, /^a=latch:1 .* kid=phone-7/m);
    const other = await phoneOf(listening);
    const bare = other.ask('INVITE', { user: 'tea', body: other.sdp(`${LATCH} kid=another`) });
    await store.askedFor(2);
    store.fail(new Error('the store is down'));
    assert.doesNotMatch((await bare).body, /a=latch/);
    assert.deepEqual(
      told.flatMap(([name, event]) => (name === 'fault' ? [[event.kind, event.where]] : [])),
      [['signalling', 'keys']],
    );
    assert.deepEqual(server.counters.faults, { keys: 1 });
  });

  it('says which port cannot be had, and then holds none', async () => {
    const { listening } = await start();
    const taken = listening.sip.UDP?.port ?? 0;
    const media = await openMediaSockets('127.0.0.1', { kind: 'shared', port: 'auto' });
    const port = Number(media.ports);
    media.close();
    const server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: taken },
      media: { kind: 'shared', port },
    });
    const complaint = new RegExp(`:${taken}: the address is in use`);
    await assert.rejects(server.start(), { code: 'LATCHKEY_LISTEN', message: complaint });
    assert.throws(() => server.latchkey.createSession({ signalling: 'clear' }), { code: 'LATCHKEY_CLOSED' });
    (await openMediaSockets('127.0.0.1', { kind: 'shared', port })).close();
    const second = createDistributionServer({ media: { kind: 'shared', port: Number(listening.media) } });
    await assert.rejects(second.start(), {
      code: 'LATCHKEY_LISTEN',
      message: /^media \d+: cannot bind .* in use$/,
    });
    await assert.rejects(second.start(), { code: 'LATCHKEY_STATE' });
    await assert.rejects(second.callOut('sip:a@127.0.0.1', 'tea'), { code: 'LATCHKEY_CLOSED' });
  });

  it('can do nothing before it was started', async () => {
    const server = createDistributionServer({ media: { kind: 'shared', port: 'auto' } });
    assert.equal(server.snapshot().listening, undefined);
    assert.throws(() => server.seat('tea', {} as never), { code: 'LATCHKEY_STATE' });
    await assert.rejects(server.callOut('sip:a@127.0.0.1', 'tea'), { code: 'LATCHKEY_STATE' });
    await server.close();
  });

  const signalling = (latchkey: Latchkey) => latchSip(sip, latchkey);
  const wrong: [object | null, RegExp][] = [
    [null, /createDistributionServer.* accepts an object of options; it is null/],
    [
      { polcy: 1 },
      /has no option "polcy": it has latchkey, signalling, listen, advertise, admission, media, io, gatherMs, rooms/,
    ],
    [{ latchkey: 'yes' }, /"latchkey"/],
    [{ latchkey: { policy: 'never' } }, /"policy"/],
    [{ signalling: 'sip', listen: { udp: 1 } }, /"signalling"/],
    [{ signalling: {}, listen: { udp: 1 } }, /"signalling"/],
    [{ listen: { udp: 5060 } }, /"signalling" accepts .* where listen has ports/],
    [{ signalling }, /"listen" accepts a port/],
    [
      { signalling: latchSip(sip, createLatchkey()), listen: { udp: 1 } },
      /"latchkey" accepts the latchkey that/,
    ],
    [{ signalling, listen: { upd: 1 } }, /listen has no option "upd"/],
    [{ signalling, listen: { udp: 65536 } }, /"listen\.udp" accepts a port up to 65535/],
    [{ signalling, listen: { tcp: '5060' } }, /"listen\.tcp"/],
    [{ signalling, listen: { ws: 1.5 } }, /"listen\.ws"/],
    [
      { signalling, listen: { tls: 5061 } },
      /"listen\.cert" accepts a text in PEM where TLS or WSS has a port; it is undefined/,
    ],
    [{ signalling, listen: { wss: 'auto', cert: 'x' } }, /"listen\.key" accepts/],
    [{ signalling, listen: { udp: 1, key: 5 } }, /"listen\.key"/],
    [{ signalling, listen: { tls: 1, certificate: {} } }, /listen has no option "certificate"/],
    [
      { listen: { address: 'localhost' } },
      /"listen\.address" accepts an IP address, or one of each family; it is 'localhost'/,
    ],
    [{ listen: { address: '0.0.0.0' } }, /"advertise" accepts one IP address that peers can be told/],
    [{ advertise: '::1' }, /"advertise" accepts an address of the same family/],
    [{ media: 7000 }, /"media" accepts/],
    [{ media: { kind: 'all' } }, /"media" accepts/],
    [{ media: { kind: 'shared', port: 65535 } }, /"media\.port" accepts a port below 65535/],
    [{ media: { kind: 'shared', port: 0 } }, /"media\.port"/],
    [{ media: { kind: 'shared', port: 9, ports: 1 } }, /media has no option "ports"/],
    [{ media: { kind: 'range', low: 5, high: 6 } }, /"media" accepts a range of ports with room for a pair/],
    [{ media: { kind: 'range', low: 9, high: 8 } }, /"media"/],
    [{ media: { kind: 'range', low: 0, high: 8 } }, /"media\.low" accepts a port up to 65535/],
    [{ media: { kind: 'split', low: 4, high: 9 } }, /"media\.port" accepts a port up to 65535/],
    [{ media: { kind: 'split', port: 6, low: 4, high: 9 } }, /"media" accepts a shared port that lies/],
    [{ media: { kind: 'split', port: 2, low: 5, high: 9 } }, /"media" accepts an even shared port/],
    [{ media: { kind: 'both' } as never }, /"media" accepts .*\{ kind: 'split', port, low, high \}/],
    [{ rooms: { clock: 1 } }, /rooms has no option "clock"/],
    [{ rooms: { nowMs: 1 } }, /"rooms\.nowMs" accepts a function/],
  ];
  for (const [options, message] of wrong)
    it(`refuses ${inspect(options, { depth: 1, breakLength: Infinity }).slice(0, 70)}`, () => {
      assert.throws(() => createDistributionServer(options as never), { code: 'LATCHKEY_OPTION', message });
    });
});

/** A UDP port where somebody is and says nothing. */
async function silentPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return socket.address().port;
}
