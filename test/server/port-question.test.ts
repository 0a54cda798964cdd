// The port question of protocol.md 8.3.6, as the distribution server puts it to a phone that writes every byte itself. Who the phone is,
// the session decides: here its event `question` is emitted by hand, and what it is told is written down.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import sinon from 'sinon';
import type { QuestionOutcome, Session } from '../../lib/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer, DistributionServerOptions } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipRequest } from '../../lib/sip/index.js';
import { Callee, plainSdp, rtp, until } from '../cli/callee.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';
import type { RawMessage } from '../cli/raw-phone.js';
import { sip } from '../plugins/sip-phones.js';

/** Below the ports that the system chooses from, apart from those of other tests. */
const LOW = 26_000 + 400 * Math.floor(Math.random() * 10);

interface Asked {
  readonly outcome: QuestionOutcome;
  readonly media: number | undefined;
}

/** A call as the phone and the server have it. */
interface Call {
  readonly phone: RawPhone;
  readonly session: Session;
  /** The port that the phone was told at first. */
  readonly firstPort: number;
  readonly asked: Asked[];
  /** Where the session listens since the call began. */
  readonly listened: number[];
}

const localPort = (socket: unknown) => (socket as { local?: { port: number } }).local?.port ?? 0;

describe('8.3.6: the port question of the distribution server', () => {
  const phones: RawPhone[] = [];
  const timers: NodeJS.Timeout[] = [];
  let server: DistributionServer;
  let sipPort: number;

  afterEach(async () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
    for (const phone of phones.splice(0)) phone.close();
    await server.close({ graceMs: 0 });
  });

  async function start(
    media: DistributionServerOptions['media'],
    options: Partial<DistributionServerOptions> = {},
  ): Promise<number> {
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: 'auto' },
      media,
      ...options,
    });
    server.on('fault', ({ where, error }) => assert.fail(`${where}: ${String(error)}`));
    return (sipPort = (await server.start()).sip.UDP?.port ?? 0);
  }

  async function call(
    media: DistributionServerOptions['media'] = { kind: 'range', low: LOW, high: LOW + 99 },
    options: Partial<DistributionServerOptions> = {},
  ) {
    const phone = await RawPhone.open(await start(media, options));
    phones.push(phone);
    const answer = await phone.ask('INVITE', { user: 'hall', body: phone.sdp() });
    assert.equal(answer.status, 200);
    const [session] = server.latchkey.sessions.values();
    assert.ok(session);
    const asked: Asked[] = [];
    const listened: number[] = [];
    const listen = session.listen.bind(session);
    session.asked = (outcome, index) => {
      if (index !== undefined) asked.push({ outcome, media: index });
    };
    session.listen = (index, sockets) => {
      listened.push(localPort(sockets.rtp));
      listen(index, sockets);
    };
    return { phone, session, firstPort: mediaPort(answer.body), asked, listened } satisfies Call;
  }

  const question = ({ session }: Call) =>
    session.emit('question', {
      ...{ type: 'question', session: session.id, call: session.call },
      ...{ media: 0, component: 1 },
    });
  const released = ({ session }: Call, port: number) =>
    session.emit('released', {
      ...{ type: 'released', session: session.id, call: session.call },
      ...{ media: 0, component: 1, local: { address: '127.0.0.1', port } },
    });
  const offerTo = ({ phone }: Call, from = 0): Promise<RawMessage> =>
    phone.next(({ method }) => method === 'INVITE', from);
  /** Until the server has told the session what it heard. */
  async function told({ asked }: Call, count: number): Promise<void> {
    for (let tries = 0; tries < 400 && asked.length < count; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(asked.length, count);
  }
  const held = () => server.snapshot().calls.flatMap(({ paths }) => paths.map(({ local }) => local?.port));

  it('is a re-INVITE with another port, which listens before it goes out', async () => {
    const one = await call();
    question(one);
    const invite = await offerTo(one);
    const port = mediaPort(invite.body);
    assert.deepEqual(one.listened, [port]);
    assert.notEqual(port, one.firstPort);
    assert.ok(port >= LOW && port < LOW + 100 && port % 2 === 0);
    const version = (text: string) => /^o=- \d+ (\d+)/m.exec(text)?.[1];
    assert.equal(version(invite.body), '2');
    one.phone.answerOffer(invite);
    await told(one, 1);
    assert.deepEqual(one.asked, [{ outcome: 'answered', media: 0 }]);
    assert.ok(await one.phone.next(({ method }) => method === 'ACK'));
    assert.equal(server.counters.questions.answered, 1);
  });

  it('leaves call and port as they were where the phone refuses', async () => {
    const one = await call();
    question(one);
    const invite = await offerTo(one);
    one.phone.answer(invite, 488);
    await told(one, 1);
    assert.deepEqual(one.asked, [{ outcome: 'refused', media: 0 }]);
    released(one, mediaPort(invite.body));
    const again = await one.phone.ask('INVITE', { user: 'hall', body: one.phone.sdp() });
    assert.equal(mediaPort(again.body), one.firstPort);
    assert.deepEqual(held(), [one.firstPort, one.firstPort + 1]);
    assert.equal(server.counters.questions.refused, 1);
  });

  it('is put again with the same port after a 491, when RFC 3261 14.1 says', async function () {
    this.timeout(8000);
    const one = await call();
    question(one);
    const first = await offerTo(one);
    one.phone.answer(first, 491);
    await told(one, 1);
    const count = one.phone.messages.length;
    const second = await offerTo(one, count);
    assert.equal(mediaPort(second.body), mediaPort(first.body));
    one.phone.answerOffer(second);
    await told(one, 2);
    assert.deepEqual(
      one.asked.map(({ outcome }) => outcome),
      ['pending', 'answered'],
    );
  });

  it('tells the new port from then on, and gives the old one back when the session leaves it', async () => {
    const one = await call();
    question(one);
    const invite = await offerTo(one);
    one.phone.answerOffer(invite);
    await told(one, 1);
    const port = mediaPort(invite.body);
    const again = await one.phone.ask('INVITE', { user: 'hall', body: one.phone.sdp() });
    assert.equal(mediaPort(again.body), port);
  });

  it('is answered by the stream that goes on there: the call has that port, and the other goes back', async function () {
    this.timeout(8000);
    const port = await start({ kind: 'range', low: LOW, high: LOW + 19 });
    const phone = await RawPhone.open(port);
    phones.push(phone);
    const ended = { locked: '', released: 0 };
    server.on('latch', (event) => {
      if (event.type === 'locked') ended.locked = event.ground;
      if (event.type === 'released' && event.component === 1) ended.released = event.local.port;
    });
    // Behind a NAT: its description names an address that nothing may go to unasked.
    const body = phone.sdp().replace(/^c=.*$/m, 'c=IN IP4 10.9.8.7');
    const answer = await phone.ask('INVITE', { user: 'echo', body });
    const invite = await phone.next(({ method }) => method === 'INVITE');
    phone.answerOffer(invite, body);
    await phone.next(({ method, first }) => method === 'ACK' && first !== '');
    for (let sequence = 1; sequence < 100 && ended.released === 0; sequence++) {
      phone.sendRtp(invite.body, sequence);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual(ended, { locked: 'question', released: mediaPort(answer.body) });
    const moved = mediaPort(invite.body);
    assert.deepEqual(held(), [moved, moved + 1]);
    assert.ok((await phone.rtp(3)).length >= 3, 'its own media comes back');
    const again = await phone.ask('INVITE', { user: 'echo', body });
    assert.equal(mediaPort(again.body), moved);
    // 8.3.8: it says that it is elsewhere, so that it has to be asked anew; our answer does that.
    const elsewhere = body.replace('10.9.8.7', '10.9.8.8');
    const answered = await phone.ask('INVITE', { user: 'echo', body: elsewhere });
    const next = mediaPort(answered.body);
    assert.ok(next !== moved && next !== mediaPort(answer.body), 'a new port');
    ended.released = 0;
    for (let sequence = 101; sequence < 200 && ended.released === 0; sequence++) {
      phone.sendRtp(answered.body, sequence);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(ended.released, moved);
    assert.deepEqual(held(), [next, next + 1]);
    // All pairs but that of the call can be had, and one for a question.
    const lent = await Promise.all(Array.from({ length: 10 }, () => server.lendMedia('127.0.0.1')));
    assert.equal(lent.filter((media) => media !== undefined).length, 9);
    for (const media of lent) media?.pair.release();
  });

  /** Sends a stream from a socket of a phone's, a packet every 20 ms, to the port that it was told last. */
  function streamFrom(socket: dgram.Socket, ssrc: number, payloadType = 0) {
    const stream = { port: 0, packets: 0 };
    const timer = setInterval(() => {
      const packet = rtp(++stream.packets, ssrc);
      packet[1] = payloadType;
      if (stream.port > 0) socket.send(packet, stream.port, '127.0.0.1');
    }, 20);
    timers.push(timer);
    return stream;
  }
  const ports = (sdp: string): number[] =>
    [...sdp.matchAll(/^m=\w+ (\d+)/gm)].map(([, found]) => Number(found));

  it('two transports are asked about in one re-INVITE, and each stream moves by itself', async function () {
    this.timeout(8000);
    const port = await start({ kind: 'range', low: LOW, high: LOW + 99 });
    const phone = await RawPhone.open(port);
    phones.push(phone);
    const video = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(video, 'listening');
    const locked: string[] = [];
    const released: number[] = [];
    server.on('latch', (event) => {
      if (event.type === 'locked') locked.push(`${event.media} ${event.ground}`);
      if (event.type === 'released' && event.component === 1) released.push(event.local.port);
    });
    const body =
      `${phone.sdp()}m=video ${video.address().port} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n`.replace(
        /^c=.*$/m,
        'c=IN IP4 10.9.8.7',
      );
    const answer = await phone.ask('INVITE', { user: 'echo', body });
    const first = ports(answer.body);
    assert.ok(first.length === 2 && first.every((told) => told > 0), answer.body);
    const streams = [streamFrom(phone.media, 1), streamFrom(video, 2, 96)];
    await until(() => phone.messages.some(({ method }) => method === 'INVITE'));
    const invite = await phone.next(({ method }) => method === 'INVITE');
    const next = ports(invite.body);
    assert.equal(new Set([...first, ...next]).size, 4, 'both are told another');
    phone.answerOffer(invite, body);
    for (const [at, stream] of streams.entries()) stream.port = next[at]!;
    await until(() => released.length === 2);
    video.close();
    assert.deepEqual(locked.toSorted(), ['0 question', '1 question']);
    assert.deepEqual(released.toSorted(), first.toSorted());
    assert.equal(phone.messages.filter(({ method }) => method === 'INVITE').length, 1);
    assert.deepEqual(held().toSorted(), [...next, ...next.map((told) => told + 1)].toSorted());
  });

  it('is put to the fork that has answered: what the others were lent goes back, and one that answers too is hung up on', async function () {
    this.timeout(8000);
    await start({ kind: 'range', low: LOW, high: LOW + 19 });
    let invite: SipRequest | undefined;
    const callee = await Callee.start((request, at) => {
      if (invite === undefined) {
        invite = request;
        for (const tag of ['a', 'b', 'c']) at.respond(request, 183, tag, far(40_000));
      } else at.respond(request, 200, 'b', far(socket.address().port));
    });
    const far = (at: number) => plainSdp(at).replace(/^c=.*$/m, 'c=IN IP4 10.9.8.7');
    const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    try {
      const ended = { locked: '', released: 0 };
      server.on('latch', (event) => {
        if (event.type === 'locked') ended.locked += event.ground;
        if (event.type === 'released' && event.component === 1) ended.released = event.local.port;
      });
      const outcome = server.callOut(callee.uri(), 'echo');
      await until(() => server.latchkey.sessions.size === 3);
      const stream = streamFrom(socket, 7);
      [stream.port] = ports(invite?.content ?? '') as [number];
      callee.respond(invite!, 200, 'b', far(socket.address().port));
      callee.respond(invite!, 200, 'c', far(40_000));
      assert.equal((await outcome).status, 200);
      await until(() => callee.of('INVITE').length === 2 && callee.of('BYE').length === 1);
      const tagOf = ({ headers }: SipRequest) => headers.to?.params?.['tag'];
      const question = callee.of('INVITE')[1]!;
      assert.deepEqual([tagOf(question), tagOf(callee.of('BYE')[0]!)], ['b', 'c']);
      const [first] = ports(invite?.content ?? '');
      const [next] = ports(question.content ?? '');
      stream.port = next!;
      await until(() => ended.released !== 0);
      assert.deepEqual([ended, next === first], [{ locked: 'question', released: first }, false]);
      assert.deepEqual(held(), [next, next! + 1]);
      // All pairs but that of the call can be had.
      const lent = await Promise.all(Array.from({ length: 10 }, () => server.lendMedia('127.0.0.1')));
      assert.equal(lent.filter((media) => media !== undefined).length, 9);
      for (const media of lent) media?.pair.release();
    } finally {
      callee.close();
      socket.close();
    }
  });

  it('is answered while the server drains, which the last BYE ends', async () => {
    const one = await call();
    question(one);
    const invite = await offerTo(one);
    let isDrained = false;
    const drained = server.drain().then(() => (isDrained = true));
    one.phone.answerOffer(invite);
    await told(one, 1);
    assert.deepEqual([one.asked[0]?.outcome, isDrained], ['answered', false]);
    one.phone.send('BYE', { user: 'hall' });
    await drained;
    assert.equal(server.snapshot().calls.length, 0);
  });

  it('without an answer keeps the server from closing no longer than its BYE', async () => {
    const one = await call();
    question(one);
    await offerTo(one);
    const closed = server.close({ graceMs: 5000 });
    one.phone.answer(await one.phone.next(({ method }) => method === 'BYE'));
    await closed;
    assert.deepEqual(one.asked, []);
  });

  it('goes on where the server takes up other settings meanwhile', async () => {
    const one = await call();
    question(one);
    const invite = await offerTo(one);
    server.renew({ admission: { trunks: ['192.0.2.0/24'] } });
    one.phone.answerOffer(invite);
    await told(one, 1);
    assert.deepEqual(one.asked, [{ outcome: 'answered', media: 0 }]);
    const again = await one.phone.ask('INVITE', { user: 'hall', body: one.phone.sdp() });
    assert.deepEqual([again.status, mediaPort(again.body)], [200, mediaPort(invite.body)]);
    const newcomer = await RawPhone.open(sipPort);
    phones.push(newcomer);
    assert.notEqual((await newcomer.ask('INVITE', { user: 'hall', body: newcomer.sdp() })).status, 200);
  });

  it('is not put where no port is left for it', async () => {
    // Two pairs: that of the call, and one for the next.
    const one = await call({ kind: 'range', low: LOW, high: LOW + 3 });
    question(one);
    await told(one, 1);
    assert.deepEqual(one.asked, [{ outcome: 'refused', media: 0 }]);
    assert.equal(server.counters.questions.noPort, 1);
    assert.ok(one.phone.messages.every(({ method }) => method !== 'INVITE'));
  });

  it('is put to nobody where all calls share one port', async () => {
    const one = await call({ kind: 'shared', port: 'auto' });
    assert.equal(one.session.listenerCount('question'), 0);
  });

  it('RFC 3261 9.2: a re-INVITE that is cancelled while it waits for a port gets 487, its CANCEL 200, and no 200 later', async () => {
    const one = await call(undefined, { io: 'dgram' });
    Object.defineProperty(one.session, 'portsWanted', { value: [0], configurable: true });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const bind = sinon.stub(dgram.Socket.prototype, 'bind').callsFake(function (
      this: dgram.Socket,
      ...given
    ) {
      void gate.then(() => bind.wrappedMethod.apply(this, given));
      return this;
    });
    try {
      const from = one.phone.messages.length;
      one.phone.send('INVITE', { user: 'hall', body: one.phone.sdp() });
      const { branch } = one.phone;
      one.phone.send('CANCEL', { user: 'hall', branch, withinDialog: true });
      const answered = (status: number, method: string) =>
        one.phone.next(
          (one) => one.status === status && one.headers.get('cseq')?.endsWith(method) === true,
          from,
        );
      await answered(200, 'CANCEL');
      await answered(487, 'INVITE');
      one.phone.send('ACK', { user: 'hall', branch, withinDialog: true });
      open();
      const { status } = await one.phone.ask('OPTIONS', { user: 'hall' });
      assert.equal(status, 200);
      assert.ok(
        one.phone.messages
          .slice(from)
          .every((one) => one.status !== 200 || !one.headers.get('cseq')?.endsWith('INVITE')),
      );
      assert.equal((await one.phone.ask('INVITE', { user: 'hall', body: one.phone.sdp() })).status, 200);
    } finally {
      open();
      bind.restore();
    }
  });

  it('that has had no answer for 2 s keeps no re-INVITE of the phone’s waiting; one that it takes yet is followed by what holds', async function () {
    this.timeout(8000);
    const one = await call();
    const { phone } = one;
    question(one);
    const invite = await offerTo(one);
    const body = phone.sdp();
    assert.equal((await phone.ask('INVITE', { user: 'hall', body })).status, 491);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const held = await phone.ask('INVITE', { user: 'hall', body: phone.sdp('a=sendonly') });
    assert.deepEqual([held.status, mediaPort(held.body)], [200, one.firstPort]);
    assert.match(held.body, /^a=recvonly/m);
    const from = phone.messages.length;
    phone.answerOffer(invite);
    const isNext = ({ method, headers }: RawMessage) =>
      method === 'INVITE' && headers.get('cseq') !== invite.headers.get('cseq');
    const again = await phone.next(isNext, from);
    const version = (text: string) => Number(/^o=- \d+ (\d+)/m.exec(text)?.[1]);
    assert.equal(mediaPort(again.body), one.firstPort);
    assert.ok(version(again.body) > version(held.body) && version(held.body) > version(invite.body));
    const acked = phone.messages.slice(from).find(({ method }) => method === 'ACK');
    assert.equal(acked?.headers.get('cseq'), invite.headers.get('cseq')?.replace('INVITE', 'ACK'));
    phone.answerOffer(again, phone.sdp('a=sendonly'));
    await phone.next(({ method }) => method === 'ACK', phone.messages.indexOf(again));
    assert.deepEqual([server.snapshot().calls.length, server.counters.questions.unanswered], [1, 1]);
  });

  it('ends with the call: all ports go back', async () => {
    const one = await call({ kind: 'range', low: LOW, high: LOW + 19 });
    question(one);
    await offerTo(one);
    assert.equal(one.listened.length, 1);
    one.phone.send('BYE', { user: 'hall' });
    await one.phone.next(({ status }) => status === 200, one.phone.messages.length);
    await new Promise((resolve) => setImmediate(resolve));
    const lent = [];
    for (let count = 0; count < 10; count++) lent.push(await server.lendMedia('127.0.0.1'));
    assert.ok(lent.every((media) => media !== undefined));
    for (const media of lent) media?.pair.release();
  });

  it('ends with the server', async () => {
    const one = await call();
    question(one);
    await offerTo(one);
    await server.close({ graceMs: 0 });
    assert.equal(one.asked.length, 0);
    assert.equal(server.counters.canaries.listening, 0);
  });
});
