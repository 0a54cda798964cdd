// protocol.md 2: "a verifier that has to fetch it waits with the answer". Calls over the real package whose key is in another process:
// each offer that names one is parked until it has come, with its CANCEL, its repetitions and what else there is of its dialog.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { FetchFailure, LatchkeyOptions } from '../../lib/index.js';
import type { SipMessage, SipRequest, SipResponse } from '../../lib/sip/index.js';
import type { LatchSipOptions, PackageStack, SipOptions } from '../../plugins/sip/index.js';
import { KEY, KeyStore } from './key-store.js';
import { End, freePort, inDialog, LATCH_LINE, rawUdp, sdp, sip } from './sip-phones.js';

const KID = 'phone-7_a';
const SECRET = 'A'.repeat(43);
const withKid = (kid: string, tag = 'tagOfCaller', port = 40_000): string =>
  `${sdp(port)}a=latch:1 ${tag} ${SECRET} suites=HMAC-SHA-256 kid=${kid}\r\n`;

/** The package without latchkey: its descriptions say what the test writes. */
class PlainPhone {
  #seq = 0;

  constructor(private readonly stack: PackageStack) {}

  static async open(): Promise<PlainPhone> {
    // The package takes a URI with its own address for a flow.
    const place = { address: '127.0.0.1', publicAddress: 'plain.invalid', port: await freePort() };
    const options = { ...place, udp: false, tcp: true };
    return new PlainPhone(sip.create(options, () => undefined));
  }

  /** In the dialog of `first` where there is one. */
  request(method: string, uri: string, content = '', first?: SipResponse): SipRequest {
    const { to, from, 'call-id': id } = first?.headers ?? {};
    const seq = method === 'ACK' ? this.#seq : ++this.#seq;
    return {
      ...{ method, uri, content },
      headers: {
        to: to ?? { uri },
        from: from ?? { uri: 'sip:plain@example.invalid', params: { tag: 'plain' } },
        'call-id': id ?? `plain-${Math.random()}`,
        cseq: { method, seq },
        contact: [{ uri: 'sip:plain@127.0.0.1:9' }],
        ...(content !== '' && { 'content-type': 'application/sdp' }),
      },
    };
  }

  send(request: SipRequest, onResponse?: (response: SipResponse) => void): void {
    this.stack.send(request, onResponse);
  }

  ask(request: SipRequest): Promise<{ final: SipResponse; all: SipResponse[] }> {
    const all: SipResponse[] = [];
    return new Promise((resolve) => {
      this.send(request, (response) => {
        all.push(response);
        if (response.status >= 200) resolve({ final: response, all });
      });
    });
  }

  close(): void {
    this.stack.destroy();
  }
}

describe('plugins/sip: a key that kid names, in another process', () => {
  const ends: { close(): void }[] = [];
  let store: KeyStore;

  beforeEach(() => {
    store = new KeyStore();
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end.close();
  });

  const made = async (end: End): Promise<End> => {
    ends.push(end);
    await end.stack.ready;
    return end;
  };
  /** Answers each INVITE and UPDATE with 200. */
  const callee = (
    latchkey: LatchkeyOptions = {},
    latch: LatchSipOptions = {},
    stack: SipOptions = {},
  ): Promise<End> =>
    made(
      new End({ latchkey: { fetchKey: store.fetchKey, ...latchkey }, latch, stack }, (request, end) => {
        if (request.method === 'ACK') return;
        const hasOffer = request.content !== undefined && request.content !== '';
        end.respond(request, 200, hasOffer ? sdp(50_000) : undefined);
      }),
    );
  const caller = (): Promise<End> => made(new End({ latch: { role: 'prover' } }));
  const plainPhone = async (): Promise<PlainPhone> => {
    const phone = await PlainPhone.open();
    ends.push(phone);
    return phone;
  };
  const isKid = (response: SipResponse, kid = KID): boolean =>
    LATCH_LINE.test(response.content ?? '') && (response.content ?? '').includes(` kid=${kid}`);
  const failures = (end: End): FetchFailure[] => {
    const told: FetchFailure[] = [];
    end.latchkey.on('fetchFailed', (failure) => told.push(failure));
    return told;
  };
  async function callUp(from: PlainPhone, to: End): Promise<SipResponse> {
    const asked = from.ask(from.request('INVITE', to.uri('TCP'), withKid(KID)));
    await store.askedFor(1);
    store.give();
    const { final } = await asked;
    from.send(from.request('ACK', to.uri('TCP'), '', final));
    assert.ok(isKid(final));
    return final;
  }

  it('an INVITE waits for it with 100, and is then answered with latch', async () => {
    const to = await callee({ policy: 'require' });
    const from = await caller();
    const invite = from.request('INVITE', to.uri('TCP'), {}, sdp());
    from.latch.session(invite)!.addKey(KID, KEY);
    const asked = from.ask(invite);
    await store.askedFor(1);
    assert.deepEqual([store.asked, to.requests.length, to.latchkey.sessions.size], [[KID], 0, 0]);
    store.give();
    const { final, all } = await asked;
    assert.deepEqual(
      all.map(({ status }) => status),
      [100, 200],
    );
    assert.ok(isKid(final));
    assert.deepEqual(to.latchkey.keyFetches, { fetched: 1, unknown: 0, failed: 0, late: 0 });
    assert.equal(from.latch.session(invite)!.protection, 'latch');
    assert.equal(to.latch.session(to.requests[0]!)!.protection, 'latch');
  });

  it('a CANCEL meanwhile: 487, and nothing was opened; the key that comes later opens nothing', async () => {
    const to = await callee();
    const from = await plainPhone();
    const sessions: unknown[] = [];
    to.latch.on('session', (session) => sessions.push(session));
    const invite = from.request('INVITE', to.uri('TCP'), withKid(KID));
    const asked = from.ask(invite);
    await store.askedFor(1);
    const cancel: SipRequest = {
      ...invite,
      method: 'CANCEL',
      content: '',
      headers: { ...invite.headers, cseq: { ...(invite.headers.cseq as object), method: 'CANCEL' } as never },
    };
    const cancelled = await from.ask(cancel);
    const { final } = await asked;
    assert.deepEqual([cancelled.final.status, final.status], [200, 487]);
    store.give();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([to.requests.length, sessions.length, to.latchkey.sessions.size], [0, 0, 0]);
  });

  it('a repetition over UDP meanwhile is no second call, and asks nobody', async () => {
    const to = await callee();
    const body = withKid(KID);
    const invite = [
      `INVITE ${to.uri('UDP')} SIP/2.0`,
      'Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKrepeated',
      'From: <sip:a@127.0.0.1>;tag=f',
      'To: <sip:b@127.0.0.1>',
      'Call-ID: repeated',
      'CSeq: 1 INVITE',
      'Contact: <sip:a@127.0.0.1:9>',
      'Content-Type: application/sdp',
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
    await rawUdp(to.port('UDP'), invite, invite, invite);
    await store.askedFor(1);
    store.give();
    await new Promise((resolve) => setImmediate(resolve));
    await rawUdp(to.port('UDP'), invite);
    assert.deepEqual([store.asked, to.requests.length], [[KID], 1]);
  });

  it('so many wait of one source, and so many in all: more get 503 and are counted', async () => {
    for (const limits of [{ maxParkedOfSource: 2 }, { maxParked: 2 }]) {
      const sent: SipMessage[] = [];
      const to = await callee({}, { limits }, { logger: { send: (message) => sent.push(message) } });
      const from = await plainPhone();
      const rejected: number[] = [];
      to.latch.on('rejected', ({ status }) => rejected.push(status));
      const call = (kid: string) =>
        from.ask(from.request('INVITE', to.uri('TCP'), withKid(kid, `tagOfCaller${kid}`)));
      const waiting = [call('one'), call('two')];
      await store.askedFor(2);
      const third = await call('three');
      assert.equal(third.final.status, 503);
      // The package shows a caller no more of a 503.
      const refused = sent.find((message) => message.status === 503);
      assert.match(String(refused?.headers['retry-after']), /^\d+$/);
      // One without a key waits for nothing.
      const bare = await from.ask(from.request('INVITE', to.uri('TCP'), sdp()));
      assert.equal(bare.final.status, 200);
      store.give();
      for (const { final } of await Promise.all(waiting)) assert.equal(final.status, 200);
      const fourth = call('four');
      await store.askedFor(3);
      store.give();
      assert.equal((await fourth).final.status, 200);
      assert.deepEqual([to.latch.counters.bounds.parked, rejected], [1, [503]]);
      store.asked.length = 0;
    }
  });

  it('one that does not come in time is unknown: the policy decides, and it is told', async () => {
    for (const [policy, status] of [
      ['prefer', 200],
      ['require', 488],
    ] as const) {
      const to = await callee({ policy, fetchKeyMs: 20 });
      const told = failures(to);
      const from = await plainPhone();
      const { final } = await from.ask(from.request('INVITE', to.uri('TCP'), withKid(KID)));
      assert.equal(final.status, status);
      assert.doesNotMatch(final.content ?? '', /a=latch/);
      assert.deepEqual(to.latchkey.keyFetches, { fetched: 0, unknown: 0, failed: 0, late: 1 });
      assert.deepEqual(
        told.map(({ kid, error }) => [kid, String(error)]),
        [[KID, 'Error: a key took more than 20 ms']],
      );
      store.give();
    }
  });

  it('a fetch that fails, or brings no key, is counted and told; one that finds none is counted', async () => {
    const told: string[] = [];
    const fetchKey = (kid: string) =>
      kid === 'throws'
        ? Promise.reject(new Error('the store is down'))
        : Promise.resolve(kid === 'short' ? KEY.subarray(1) : null);
    const to = await callee({ fetchKey });
    to.latchkey.on('fetchFailed', ({ kid, error }) => told.push(`${kid}: ${String(error)}`));
    const from = await plainPhone();
    for (const kid of ['throws', 'short', 'absent']) {
      const { final } = await from.ask(from.request('INVITE', to.uri('TCP'), withKid(kid)));
      assert.equal(final.status, 200);
      assert.doesNotMatch(final.content ?? '', /a=latch/);
    }
    assert.deepEqual(told, [
      'throws: Error: the store is down',
      'short: TypeError: fetchKey is to give 32 bytes',
    ]);
    assert.deepEqual(to.latchkey.keyFetches, { fetched: 0, unknown: 1, failed: 2, late: 0 });
  });

  it('a failure that nobody listens for becomes a warning of the process, without a key in it', async () => {
    const to = await callee({ fetchKey: () => Promise.resolve(KEY.subarray(1)) });
    const from = await plainPhone();
    const warned = once(process, 'warning');
    await from.ask(from.request('INVITE', to.uri('TCP'), withKid(KID)));
    const [warning] = (await warned) as [Error];
    assert.equal(`${warning.message}`, 'fetchKey is to give 32 bytes');
  });

  for (const method of ['INVITE', 'UPDATE'])
    it(`an offer in a later ${method} waits too; what the call knows is not asked for again`, async () => {
      const to = await callee();
      const from = await plainPhone();
      const final = await callUp(from, to);
      const known = await from.ask(from.request(method, to.uri('TCP'), withKid(KID), final));
      if (method === 'INVITE') from.send(from.request('ACK', to.uri('TCP'), '', known.final));
      assert.equal(known.final.status, 200);
      assert.deepEqual(store.asked, [KID]);

      const asked = from.ask(from.request(method, to.uri('TCP'), withKid('another', 'anotherTag'), final));
      await store.askedFor(2);
      // Another offer of the dialog must wait its turn, another request need not (RFC 3261 14.2).
      const second = from.ask(from.request('UPDATE', to.uri('TCP'), withKid('third'), final));
      assert.equal((await second).final.status, 500);
      const other = await from.ask(from.request('INFO', to.uri('TCP'), '', final));
      assert.equal(other.final.status, 200);
      store.give();
      const answered = await asked;
      assert.equal(answered.final.status, 200);
      assert.ok(isKid(answered.final, 'another'));
      assert.deepEqual(store.asked, [KID, 'another']);
    });

  it('a BYE meanwhile is answered at once, and the re-INVITE gets 487', async () => {
    const to = await callee();
    const from = await plainPhone();
    const final = await callUp(from, to);
    const asked = from.ask(from.request('INVITE', to.uri('TCP'), withKid('another', 'anotherTag'), final));
    await store.askedFor(2);
    const bye = await from.ask(from.request('BYE', to.uri('TCP'), '', final));
    assert.equal(bye.final.status, 200);
    store.give();
    assert.equal((await asked).final.status, 487);
    assert.equal(to.requests.filter(({ method }) => method === 'INVITE').length, 1);
  });

  it('an offer in the 200 to an INVITE of ours waits, and what comes after it too', async () => {
    const to = await made(
      new End({ latch: { role: 'prover' } }, (request, end) => {
        if (request.method !== 'INVITE') return;
        end.latch.session(request)!.addKey(KID, KEY);
        end.respond(request, 180);
        end.respond(request, 200, sdp(50_000));
      }),
    );
    const from = await made(new End({ latchkey: { policy: 'require', fetchKey: store.fetchKey } }));
    const invite = from.request('INVITE', to.uri('TCP'));
    const asked = from.ask(invite);
    await store.askedFor(1);
    store.give();
    const { final, all } = await asked;
    assert.deepEqual(
      all.map(({ status }) => status),
      [180, 200],
    );
    const acknowledged = new Promise<SipRequest>((resolve) => {
      to.handler = (request) => request.method === 'ACK' && resolve(request);
    });
    from.stack.send(inDialog(from, invite, final, 'ACK', sdp(40_000)));
    await acknowledged;
    assert.equal(from.latch.session(invite)!.protection, 'latch');
    assert.equal(to.latch.session(to.requests[0]!)!.protection, 'latch');
  });

  it('a stack that is closed meanwhile begins no call', async () => {
    const to = await callee();
    const from = await plainPhone();
    void from.ask(from.request('INVITE', to.uri('TCP'), withKid(KID)));
    await store.askedFor(1);
    to.stack.destroy();
    store.give();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([to.requests.length, to.latchkey.sessions.size], [0, 0]);
  });
});
