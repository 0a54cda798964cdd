// Protocol 8.2.5, the signalling's part: a phone with SRTP on hold, of which nothing comes for minutes, is asked in its dialog. The phone's
// messages, a network in memory and time are the test's; the session is a real one.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, LatchEventType, Session } from '../../lib/index.js';
import { Calls } from '../../lib/sip/calls.js';
import { createResponse } from '../../lib/sip/response.js';
import type { SipFlow, SipRequest, SipResponse, SipStack } from '../../lib/sip/index.js';
import { MemoryNetwork } from '../net/memory-network.js';
import { masterKey, SrtpVoice } from '../support/srtp-bench.js';

const SERVER = { address: '203.0.113.1', port: 40_000 };
const PHONE = { address: '198.51.100.7', port: 20_000 };
const FLOW: SipFlow = { ...PHONE, protocol: 'TLS', port: 50_000, local: { ...SERVER, port: 5061 } };
const MASTER = masterKey(1);
const KEY = Buffer.from([...MASTER.key, ...MASTER.salt]).toString('base64');

function describeMedia({ address, port }: typeof PHONE, streams: number, direction: string): string {
  return [
    ...['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'],
    ...Array.from({ length: streams }, (_, at) => [
      `m=audio ${port + 2 * at} RTP/SAVP 0`,
      'a=rtcp-mux',
      `a=${direction}`,
      `a=crypto:1 ${MASTER.suite.name} inline:${KEY}`,
    ]).flat(),
    '',
  ].join('\r\n');
}

/** What the phone does at OPTIONS: answers with this status, or leaves it to the stack to make something up after 32 s. */
type Manner = number | 'nothing' | 'no way' | 'too late';

class HeldPhone {
  readonly latchkey: Latchkey = createLatchkey({ policy: 'require' });
  readonly network = new MemoryNetwork();
  readonly ended: string[] = [];
  readonly events: { readonly type: LatchEventType; readonly atMs: number }[] = [];
  readonly asked: { readonly request: SipRequest; readonly atMs: number }[] = [];
  manner: Manner = 200;
  heldMs = 0;
  #seq = 0;
  #localTag: string | undefined;
  readonly #calls: Calls;
  readonly #voices: readonly SrtpVoice[];

  constructor(
    readonly clock: sinon.SinonFakeTimers,
    readonly streams = 1,
    held: readonly [theirs: string, ours: string] = ['inactive', 'inactive'],
  ) {
    this.#voices = Array.from({ length: streams }, (_, at) => new SrtpVoice(MASTER, 0x1000 + at));
    this.#calls = new Calls(
      this.latchkey,
      { ringingMs: 200_000, maxSilenceMs: 60_000 },
      {
        onSession: (session) => {
          for (let at = 0; at < streams; at++)
            session.bind(this.network.open(SERVER.address, SERVER.port + 2 * at), { media: at });
          session.on('event', ({ type }) => this.events.push({ type, atMs: clock.now - this.heldMs }));
        },
        onEnd: (_dialog, reason) => this.ended.push(reason),
      },
    );
    for (let at = 0; at < streams; at++) this.network.open(PHONE.address, PHONE.port + 2 * at);
    this.invite('sendrecv', 'sendrecv');
    this.talk();
    this.invite(...held);
    this.heldMs = clock.now;
  }

  readonly #stack: SipStack = {
    addresses: [],
    ready: Promise.resolve(),
    hostname: () => 'us.invalid',
    encodeFlowUri: () => ({ schema: 'sip', user: 'flow', host: 'us.invalid', params: {} }),
    expectedSignalling: () => 'encrypted',
    destroy: () => undefined,
    sendOnce: () => undefined,
    send: (message, onResponse) => {
      if (message.method === undefined) return this.#calls.sendResponse(message as SipResponse);
      const request = message as SipRequest;
      const outgoing = this.#calls.sendRequest(request, 'encrypted', { stack: this.#stack, flow: FLOW });
      if (request.method !== 'OPTIONS') return undefined;
      this.asked.push({ request, atMs: this.clock.now - this.heldMs });
      const hear = (status: number, from?: SipFlow) => {
        const response = createResponse(request, { status }, 'phone.invalid');
        if (outgoing) this.#calls.receiveResponse(outgoing, response, 'encrypted', from);
        onResponse?.(response);
      };
      const { manner } = this;
      if (typeof manner === 'number') setTimeout(() => hear(manner, FLOW), 100);
      else if (manner === 'too late') setTimeout(() => hear(200, FLOW), 12_000);
      else if (manner === 'no way') setTimeout(() => hear(404), 1);
      else setTimeout(() => hear(408), 32_000);
      return undefined;
    },
  };

  get session(): Session | undefined {
    return [...this.latchkey.sessions.values()][0];
  }

  count(type: LatchEventType): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Each stream sends a few packets. */
  talk(): void {
    this.#voices.forEach((voice, at) => {
      for (let packets = 0; packets < 10; packets++)
        this.network
          .find(SERVER.address, SERVER.port + 2 * at)
          ?.put(Buffer.from(voice.rtp()), { ...PHONE, port: PHONE.port + 2 * at });
    });
    this.network.deliver();
  }

  async wait(seconds: number): Promise<void> {
    for (let at = 0; at < seconds; at++) await this.clock.tickAsync(1000);
  }

  close(): void {
    this.#calls.endAll();
    this.latchkey.close();
  }

  invite(theirs: string, ours: string): void {
    const invite = this.#request('INVITE', ++this.#seq, describeMedia(PHONE, this.streams, theirs));
    assert.equal(this.#calls.receiveRequest(invite, FLOW, 'encrypted', this.#stack), undefined);
    const dialog = this.#calls.dialogOf(invite)!;
    dialog.respond(invite, { status: 200, content: describeMedia(SERVER, this.streams, ours) });
    this.#localTag = dialog.localTag;
    this.#calls.receiveRequest(this.#request('ACK', this.#seq), FLOW, 'encrypted', this.#stack);
  }

  #request(method: string, seq: number, content?: string): SipRequest {
    const params = this.#localTag === undefined ? {} : { tag: this.#localTag };
    return {
      method,
      uri: 'sip:us@us.invalid',
      headers: {
        via: [{ protocol: 'TLS', host: 'h', params: { branch: `z9hG4bK${method}${seq}` } }],
        'call-id': 'held',
        from: { uri: 'sip:phone@h', params: { tag: 'theirs' } },
        to: { uri: 'sip:us@us.invalid', params },
        contact: [{ uri: 'sip:phone@10.0.0.7;transport=tls' }],
        'record-route': [{ uri: 'sip:proxy.invalid;lr', params: {} }],
        cseq: { seq, method },
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
      },
      ...(content !== undefined && { content }),
    };
  }
}

describe('8.2.5: a phone on hold is asked in its dialog', () => {
  let clock: sinon.SinonFakeTimers;
  let phone: HeldPhone;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout'] });
    sinon.stub(performance, 'now').callsFake(() => clock.now);
  });
  afterEach(() => {
    phone.close();
    sinon.restore();
    clock.restore();
  });

  for (const status of [200, 405, 486, 491, 500, 501, 503])
    it(`8.2.5: held for 3 minutes without RTCP it keeps its call while it answers ${status}`, async () => {
      phone = new HeldPhone(clock);
      assert.equal(phone.count('verified'), 1);
      phone.manner = status;
      await phone.wait(180);
      assert.deepEqual(phone.ended, []);
      assert.equal(phone.count('expired'), 0);
      assert.deepEqual(phone.session?.streams[0]?.mapping, PHONE);
      const atMs = phone.asked.map((one) => Math.round(one.atMs / 1000));
      assert.deepEqual(atMs, [15, 25, 35, 45, 55, 65, 75, 85, 95, 105, 115, 125, 135, 145, 155, 165, 175]);
    });

  for (const held of [
    ['sendonly', 'recvonly'],
    ['recvonly', 'sendonly'],
    ['sendrecv', 'sendonly'],
    ['sendrecv', 'inactive'],
  ] as const)
    it(`8.2.5: on hold is, too, who says ${held[0]} where we say ${held[1]}: phones send music then, or nothing`, async () => {
      phone = new HeldPhone(clock, 1, held);
      await phone.wait(180);
      assert.deepEqual([phone.count('expired'), phone.asked.length, phone.ended.length], [0, 17, 0]);
    });

  it('8.2.5: after the hold its last answer counts on: it need not have sent before the call is resumed', async () => {
    phone = new HeldPhone(clock, 1, ['sendonly', 'recvonly']);
    await phone.wait(60);
    phone.invite('sendrecv', 'sendrecv');
    await phone.wait(2);
    assert.equal(phone.count('expired'), 0);
    phone.talk();
    assert.deepEqual([phone.count('expired'), phone.count('verified')], [0, 1]);
  });

  it('8.2.5: who is to talk and does not is asked nothing, and has expired after 30 s', async () => {
    phone = new HeldPhone(clock, 1, ['sendrecv', 'sendrecv']);
    await phone.wait(31);
    assert.deepEqual([phone.count('expired'), phone.asked.length], [1, 0]);
  });

  it('8.2.5: the question is an OPTIONS in the dialog, by the flow that the phone came by, each with the next CSeq', async () => {
    phone = new HeldPhone(clock);
    await phone.wait(30);
    assert.deepEqual(
      phone.asked.map(({ request }) => request.headers.cseq),
      [
        { seq: 1, method: 'OPTIONS' },
        { seq: 2, method: 'OPTIONS' },
      ],
    );
    const { uri, headers } = phone.asked[0]!.request;
    assert.equal(uri, 'sip:phone@10.0.0.7;transport=tls');
    assert.equal(headers.to?.params?.['tag'], 'theirs');
    const routes = headers.route as { uri: unknown }[];
    assert.deepEqual(routes[0]?.uri, {
      schema: 'sip',
      user: 'flow',
      host: 'us.invalid',
      params: { lr: null },
    });
    assert.equal(routes[1]?.uri, 'sip:proxy.invalid;lr');
  });

  for (const manner of [408, 'nothing', 'no way'] as const)
    it(`8.2.5: it has expired after 30 s of silence where the question brings ${manner}`, async () => {
      phone = new HeldPhone(clock);
      phone.manner = manner;
      await phone.wait(29);
      assert.equal(phone.count('expired'), 0);
      assert.deepEqual(phone.session?.streams[0]?.mapping, PHONE);
      await phone.wait(2);
      assert.equal(phone.count('expired'), 1);
      assert.equal(phone.session?.streams[0]?.mapping, undefined);
      assert.equal(phone.asked.length, 2, 'nobody is asked about a path that is gone');
      await phone.wait(65);
      assert.deepEqual(phone.ended, ['silence'], 'and the call goes the way of all that are silent');
    });

  it('8.2.5: a 481 ends the call at once (RFC 3261 12.2.1.2)', async () => {
    phone = new HeldPhone(clock);
    phone.manner = 481;
    await phone.wait(16);
    assert.deepEqual(phone.ended, ['failed']);
    assert.equal(phone.session, undefined);
  });

  it('8.2.5: who has answered once and then no more has expired 30 s after the last answer', async () => {
    phone = new HeldPhone(clock);
    await phone.wait(60);
    phone.manner = 'nothing';
    await phone.wait(24);
    assert.equal(phone.count('expired'), 0, 'the last answer came at 55 s');
    await phone.wait(3);
    assert.equal(phone.count('expired'), 1);
  });

  it('8.2.5: an answer that comes late counts when it comes', async () => {
    phone = new HeldPhone(clock);
    phone.manner = 'too late';
    await phone.wait(180);
    assert.equal(phone.count('expired'), 0);
    assert.deepEqual(phone.session?.streams[0]?.mapping, PHONE);
  });

  it('8.2.5: not more than one OPTIONS in 10 s, of however many streams, and one answer keeps all', async () => {
    phone = new HeldPhone(clock, 3);
    assert.equal(phone.count('verified'), 3);
    await phone.wait(7);
    phone.talk();
    await phone.wait(180);
    assert.equal(phone.count('expired'), 0);
    assert.ok(phone.count('silent') > 40, 'each stream says so');
    assert.ok(phone.asked.length >= 15);
    phone.asked.reduce((before, one) => {
      assert.ok(one.atMs - before.atMs >= 10_000, `${before.atMs} and ${one.atMs}`);
      return one;
    });
  });

  it('8.2.5: who is heard is not asked, and nobody once the call is over', async () => {
    phone = new HeldPhone(clock);
    for (let at = 0; at < 18; at++) {
      await phone.wait(10);
      phone.talk();
    }
    assert.equal(phone.asked.length, 0);
    await phone.wait(20);
    assert.equal(phone.asked.length, 1);
    phone.close();
    await phone.wait(60);
    assert.equal(phone.asked.length, 1);
  });
});
