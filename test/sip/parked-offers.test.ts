// Offers that wait for a key (protocol.md 2), where no package is needed to say so: which messages bring an offer, how long keys are
// kept, and how many may wait of whom.
import assert from 'node:assert/strict';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, Session } from '../../lib/index.js';
import { KeyFetch } from '../../lib/net/key-fetch.js';
import { Calls } from '../../lib/sip/calls.js';
import { SDP_LIMITS } from '../../lib/wire/index.js';
import type { SipFlow, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { sdp, sip } from '../plugins/sip-phones.js';

const KEY = Buffer.alloc(32, 7);
const FLOW: SipFlow = { protocol: 'UDP', address: '192.0.2.9', port: 5060 };
const RELIABLE = { require: '100rel', rseq: '1' };

const withKid = (kid: string, type: 'offer' | 'answer' = 'offer'): string => {
  const suites = type === 'offer' ? 'suites=HMAC-SHA-256' : 'suite=HMAC-SHA-256';
  return `${sdp()}a=latch:1 tagOfTheKey${kid} ${'A'.repeat(43)} ${suites} kid=${kid}\r\n`;
};

describe('offers that wait for a key', () => {
  let latchkey: Latchkey;
  let calls: Calls;
  let asked: string[];
  let seq: number;
  let onRead: (request: SipRequest) => void;

  beforeEach(() => {
    asked = [];
    seq = 0;
    onRead = () => undefined;
    latchkey = createLatchkey({
      fetchKey: (kid) => {
        asked.push(kid);
        return Promise.resolve(KEY);
      },
    });
    calls = new Calls(
      latchkey,
      { ringingMs: 1000, maxSilenceMs: 0 },
      { onSession: () => undefined, onEnd: () => undefined },
    );
  });
  afterEach(() => {
    calls.endAll();
    latchkey.close();
  });

  function request(method: string, content: string | undefined, toTag?: string, headers = {}): SipRequest {
    return {
      method,
      uri: 'sip:x@192.0.2.1',
      headers: {
        via: [{ protocol: 'UDP', host: 'h', params: { branch: `z9hG4bK${++seq}` } }],
        'call-id': 'c1',
        from: { uri: 'sip:a@h', params: { tag: 'peer' } },
        to: { uri: 'sip:b@h', params: toTag === undefined ? {} : { tag: toTag } },
        cseq: { seq, method },
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
        ...headers,
      },
      content,
    };
  }
  function answer(to: SipRequest, status: number, content?: string, headers = {}): SipResponse {
    const made = sip.makeResponse(to, status, '', {
      headers: { ...(content !== undefined && { 'content-type': 'application/sdp' }), ...headers },
      ...(content !== undefined && { content }),
    });
    made.headers.to = { uri: 'sip:b@h', params: { tag: 'ours' } };
    calls.sendResponse(made);
    return made;
  }
  /** Whether it was parked; fulfilled when it has been read. */
  async function receive(message: SipRequest): Promise<boolean> {
    const read = () => assert.equal(calls.receiveRequest(message, FLOW, 'clear'), undefined);
    return new Promise((resolve) => {
      const parked = calls.park(message, FLOW, {
        answer: () => undefined,
        onCancelled: () => undefined,
        goOn: () => {
          read();
          onRead(message);
          resolve(true);
        },
      });
      assert.equal(typeof parked, 'boolean');
      if (parked === true) return;
      read();
      resolve(false);
    });
  }

  it('a PRACK that brings a new one waits', async () => {
    const invite = request('INVITE', withKid('first'));
    assert.ok(await receive(invite));
    answer(invite, 183, sdp(50_000), RELIABLE);
    const prack = request('PRACK', withKid('second'), 'ours', { rack: '1 1 INVITE' });
    assert.ok(await receive(prack));
    const accepted = answer(prack, 200, sdp(50_000));
    assert.match(calls.edits.get(accepted)?.latched ?? '', / kid=second/);
    assert.deepEqual(asked, ['first', 'second']);
  });

  it('an answer in a PRACK or an ACK does not: both sides held the key before our offer', async () => {
    for (const method of ['PRACK', 'ACK']) {
      const invite = request('INVITE', undefined);
      assert.ok(!(await receive(invite)));
      const { session } = calls.table.ofMessage(invite)!;
      session.addKey('ours', KEY);
      answer(invite, method === 'ACK' ? 200 : 183, sdp(50_000), RELIABLE);
      const taking = request(method, withKid('ours', 'answer'), 'ours', {
        ...{ rack: `1 ${seq} INVITE`, cseq: { seq: method === 'ACK' ? seq : seq + 1, method } },
      });
      assert.ok(!(await receive(taking)));
      assert.equal(session.protection, 'latch');
      calls.endAll();
    }
    assert.deepEqual(asked, []);
  });

  it('the key is there while the offer is read, and is kept by nobody else after', async () => {
    const kept: Uint8Array[] = [];
    const fetch = new KeyFetch(
      { fetchKey: () => Promise.resolve(KEY), fetchKeyMs: 1000, sdpLimits: SDP_LIMITS },
      () => assert.fail(),
    );
    const give = (_to: Session, _kid: string, key: Uint8Array) => {
      assert.deepEqual(Buffer.from(key), KEY);
      kept.push(key);
    };
    (await fetch.fetch(['a', 'b'], give)).giveTo({} as Session);
    assert.deepEqual(
      kept.map((key) => key.every((byte) => byte === 0)),
      [true, true],
    );
    // What the application has handed over stays its own.
    assert.deepEqual(KEY, Buffer.alloc(32, 7));
    const invite = request('INVITE', withKid('first'));
    let isKnownToOthers: boolean | undefined;
    onRead = () => (isKnownToOthers = latchkey.missingKeys(withKid('first')).length === 0);
    assert.ok(await receive(invite));
    assert.equal(isKnownToOthers, false);
    assert.deepEqual(latchkey.missingKeys(withKid('first'), calls.table.ofMessage(invite)!.session), []);
  });

  it('of many names in one description four are asked for', () => {
    const media = Array.from({ length: 9 }, (_one, i) =>
      [`m=audio ${40_000 + 2 * i} RTP/AVP 0`, withKid(`k${i}`).trimEnd().split('\r\n').at(-1)].join('\r\n'),
    );
    const text = ['v=0', 'o=- 1 1 IN IP4 192.0.2.9', 's=-', 'c=IN IP4 192.0.2.9', 't=0 0', ...media, ''].join(
      '\r\n',
    );
    assert.deepEqual(latchkey.missingKeys(text), ['k0', 'k1', 'k2', 'k3']);
    assert.deepEqual(latchkey.missingKeys(`${text}a=latch:1 malformed kid=x\r\n`), []);
    for (const nothing of [undefined, Buffer.from(text), ''])
      assert.deepEqual(latchkey.missingKeys(nothing), []);
  });
});
