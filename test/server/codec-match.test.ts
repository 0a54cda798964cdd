// Rooms in which two have no codec in common: a re-INVITE where a phone has the other's, an event where none has.
import assert from 'node:assert/strict';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer, DistributionServerEvents } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { Callee, plainSdp, until } from '../cli/callee.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { RawPhone } from '../cli/raw-phone.js';
import type { RawMessage } from '../cli/raw-phone.js';
import { sip } from '../plugins/sip-phones.js';

type Mismatch = DistributionServerEvents['mismatch'][0];

describe('a room with different codecs', function () {
  this.timeout(10_000);
  unrefLongTimers();
  const closers: (() => unknown)[] = [];
  let server: DistributionServer;
  let port: number;
  let mismatches: Mismatch[];

  beforeEach(async () => {
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: 'auto' },
      media: { kind: 'shared', port: 'auto' },
    });
    mismatches = [];
    server.on('mismatch', (pair) => mismatches.push(pair));
    closers.push(() => server.close({ graceMs: 100 }));
    ({ port = 0 } = (await server.start()).sip.UDP ?? {});
  });

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A phone in the room that has offered these payload types. */
  async function enter(formats: string): Promise<RawPhone> {
    const phone = await RawPhone.open(port);
    closers.push(() => phone.close());
    const body = phone.sdp().replace('RTP/AVP 0', `RTP/AVP ${formats}`);
    const { status } = await phone.ask('INVITE', { body });
    assert.equal(status, 200);
    const expected = ++entered;
    await until(() => server.snapshot().rooms[0]?.sessions.length === expected);
    return phone;
  }
  let entered = 0;
  beforeEach(() => (entered = 0));

  const reinvite = (phone: RawPhone): Promise<RawMessage> => phone.next(({ method }) => method === 'INVITE');
  const formatsIn = ({ body }: RawMessage) => /^m=audio \d+ RTP\/AVP (.*)\r$/m.exec(body)?.[1];
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 100));

  /** Answers a re-INVITE, with this description or a refusal. */
  function reply(phone: RawPhone, request: RawMessage, status: number, formats = ''): void {
    const copied = ['via', 'from', 'to', 'call-id', 'cseq'].map(
      (name) => `${name}: ${request.headers.get(name)}`,
    );
    const body = status === 200 ? phone.sdp().replace('RTP/AVP 0', `RTP/AVP ${formats}`) : '';
    const more = body === '' ? [] : ['Content-Type: application/sdp', `Contact: <${phone.contact}>`];
    phone.sendText(
      [`SIP/2.0 ${status} OK`, ...copied, ...more, `Content-Length: ${body.length}`, '', body].join('\r\n'),
    );
  }

  it('who has both is offered the one that all have, and takes it', async () => {
    const both = await enter('0 8');
    const one = await enter('8');
    const offer = await reinvite(both);
    assert.equal(formatsIn(offer), '8');
    assert.match(offer.body, /^a=rtpmap:8 PCMA\/8000\r$/m);
    assert.doesNotMatch(offer.body, /PCMU/);
    reply(both, offer, 200, '8');
    await both.next(({ method }) => method === 'ACK', both.messages.indexOf(offer));
    await quiet();
    assert.deepEqual(mismatches, []);
    assert.ok(!one.messages.some(({ method }) => method === 'INVITE'));
  });

  it('who comes later is answered with what all have first, and asked nothing', async () => {
    await enter('8');
    const both = await enter('0 8');
    const answer = both.messages.find(({ status }) => status === 200)!;
    assert.equal(formatsIn(answer), '8 0');
    await quiet();
    assert.ok(!both.messages.some(({ method }) => method === 'INVITE'));
  });

  it('where neither has it, that is told once for the pair, re-INVITE or not', async () => {
    const one = await enter('0');
    const other = await enter('8');
    await until(() => mismatches.length > 0);
    const [told] = mismatches;
    const calls = new Map(server.snapshot().calls.map(({ session, call }) => [session, call]));
    assert.deepEqual(
      new Set([told!.codecs, told!.otherCodecs].map(String)),
      new Set(['PCMU/8000', 'PCMA/8000']),
    );
    assert.deepEqual(
      new Set([calls.get(told!.session), calls.get(told!.other)]),
      new Set([one.callId, other.callId]),
    );
    assert.equal(told!.room, 'room');
    await one.ask('INVITE', { body: one.sdp('a=sendrecv') });
    await quiet();
    assert.equal(mismatches.length, 1);
    assert.ok(![one, other].some(({ messages }) => messages.some(({ method }) => method === 'INVITE')));
  });

  it('where the offer is refused the call stays as it was, is not asked again, and it is told', async () => {
    const both = await enter('0 8');
    const other = await enter('8');
    const offer = await reinvite(both);
    reply(both, offer, 488);
    await until(() => mismatches.length === 1);
    const resumed = await both.ask('INVITE', { body: both.sdp().replace('RTP/AVP 0', 'RTP/AVP 0 8') });
    assert.equal(formatsIn(resumed), '8 0', 'what all have comes first now');
    await quiet();
    assert.equal(both.messages.filter(({ method }) => method === 'INVITE').length, 1);
    assert.equal(other.messages.filter(({ method }) => method === 'BYE').length, 0);
  });

  it('a phone that we have called, and that chose another, is offered it', async () => {
    const callee = await Callee.start((invite, at) => {
      const isFirst = at.of('INVITE').length === 1;
      const formats = isFirst ? '0' : (/RTP\/AVP (.*)\r/.exec(invite.content ?? '')?.[1] ?? '');
      at.respond(invite, 200, 'a', plainSdp(4000).replace('AVP 0', `AVP ${formats}`));
    });
    closers.push(() => callee.close());
    assert.equal((await server.callOut(callee.uri(), 'room')).status, 200);
    entered = 1;
    await enter('8');
    await until(() => callee.of('ACK').length === 2);
    assert.match(callee.of('INVITE')[1]?.content ?? '', /^m=audio \d+ RTP\/AVP 8 101\r$/m);
    await quiet();
    assert.deepEqual(mismatches, []);
  });

  it('on hold nothing is asked or told, and in the echo nobody is another', async () => {
    const one = await enter('0');
    await one.ask('INVITE', { body: one.sdp('a=inactive') });
    await enter('8');
    await quiet();
    assert.deepEqual(mismatches, []);
    await one.ask('INVITE', { body: one.sdp('a=sendrecv') });
    await until(() => mismatches.length === 1);
  });
});
