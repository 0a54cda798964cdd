// The decorator for sip.js: what reaches the peer and the handler below, in which order, and what becomes of failures. No
// SIP here: a session is what the decorator looks at of one.
import assert from 'node:assert/strict';
import type { Session, SessionDescriptionHandler } from 'sip.js';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';
import type { Latchkey } from '../../lib/index.js';
import {
  createRtpSessionDescriptionHandlerFactory,
  LatchSessionDescriptionHandler,
  latchSessionDescriptionHandlerFactory,
  signallingOf,
} from '../../plugins/sip-js/index.js';
import { FakeLatchkey } from './fake-latchkey.js';
import { KeyStore } from './key-store.js';
import { LATCH_LINE, sdp } from './sip-phones.js';

const WSS = 'wss://sip.example';

interface Rejection {
  readonly statusCode: number;
  readonly extraHeaders: string[];
}

/** What the decorator sees of a sip.js session. */
class SipCall {
  state = 'Initial';
  dialog: { signalingState: string } | undefined;
  readonly request = { callId: 'call-1' };
  readonly rejections: Rejection[] = [];
  readonly userAgent;
  readonly #listeners: ((state: string) => void)[] = [];
  readonly stateChange = {
    addListener: (listener: (state: string) => void) => void this.#listeners.push(listener),
  };

  constructor(server = WSS) {
    const loggers = { genericLog: () => undefined };
    this.userAgent = { transport: { server }, getLoggerFactory: () => loggers };
  }

  enter(state: string): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }

  reject(rejection: Rejection): Promise<void> {
    this.rejections.push(rejection);
    this.state = 'Terminated';
    return Promise.resolve();
  }

  get asSession(): Session {
    return this as unknown as Session;
  }
}

/** A handler that describes what it is told to, and keeps what it hears. */
class Handler implements SessionDescriptionHandler {
  readonly heard: string[] = [];
  contentType = 'application/sdp';
  body = sdp();
  fault: Error | undefined;
  rollbacks = 0;
  isClosed = false;

  getDescription() {
    const { body, contentType, fault } = this;
    return fault ? Promise.reject(fault) : Promise.resolve({ body, contentType });
  }

  setDescription(text: string): Promise<void> {
    this.heard.push(text);
    return this.fault ? Promise.reject(this.fault) : Promise.resolve();
  }

  rollbackDescription(): Promise<void> {
    this.rollbacks++;
    return Promise.resolve();
  }

  hasDescription(contentType: string): boolean {
    return contentType === this.contentType;
  }

  sendDtmf(tones: string): boolean {
    return tones === '1';
  }

  close(): void {
    this.isClosed = true;
  }
}

function decorate(call: SipCall, latchkey: Latchkey, inner = new Handler()) {
  const handler = latchSessionDescriptionHandlerFactory(() => inner, latchkey)(call.asSession);
  assert.ok(handler instanceof LatchSessionDescriptionHandler);
  return { handler, inner };
}

function withFake(call = new SipCall()) {
  const latchkey = new FakeLatchkey();
  const { handler, inner } = decorate(call, latchkey.asLatchkey);
  const [session] = latchkey.made;
  assert.ok(session);
  return { call, handler, inner, session };
}

describe('sip-js: the decorator', () => {
  it('an offer whose key another process holds waits for it; a call that ends meanwhile is not read (protocol.md 2)', async () => {
    const store = new KeyStore();
    const latchkey = createLatchkey({ policy: 'require', fetchKey: store.fetchKey });
    const offer = `${sdp()}a=latch:1 tagOfCaller ${'A'.repeat(43)} suites=AES-256 kid=phone-7\r\n`;
    const { handler, inner } = decorate(new SipCall(), latchkey);
    const read = handler.setDescription(offer);
    await store.askedFor(1);
    assert.deepEqual(inner.heard, []);
    store.give();
    await read;
    assert.deepEqual(inner.heard, [sdp()]);
    assert.match((await handler.getDescription()).body, /^a=latch:1 .* kid=phone-7/m);

    const ended = decorate(new SipCall(), latchkey);
    const unread = ended.handler.setDescription(offer);
    await store.askedFor(2);
    ended.handler.close();
    store.give();
    await assert.rejects(unread, { code: 'LATCHKEY_CLOSED' });
    assert.deepEqual(ended.inner.heard, []);
    latchkey.close();
  });

  it('names the call by its Call-ID, as a prover', () => {
    const { session } = withFake();
    const { call, role, signalling } = session.options;
    assert.deepEqual({ call, role, signalling }, { call: 'call-1', role: 'prover', signalling: 'encrypted' });
  });

  it('tells of the peer: where each description comes from, and that the dialog is confirmed', async () => {
    const { call, handler, session } = withFake(new SipCall('wss://192.0.2.7:8443'));
    assert.deepEqual(session.options.peer, { address: '192.0.2.7', transport: 'wss' });
    await handler.getDescription();
    await handler.setDescription(sdp());
    assert.deepEqual(session.told, ['peer 192.0.2.7 wss']);
    call.enter('Established');
    assert.deepEqual(session.told, ['peer 192.0.2.7 wss', 'confirm']);
  });

  it('tells who is called of the ACK, not of the 2xx that waits for it', () => {
    const call = Object.assign(new SipCall(), { accept: () => undefined, onAckRequest: () => 'taken' });
    const { session } = withFake(call);
    assert.equal(session.options.peer, undefined, 'a name is resolved by nobody here');
    call.enter('Established');
    assert.deepEqual(session.told, []);
    assert.equal(call.onAckRequest(), 'taken');
    assert.deepEqual(session.told, ['confirm']);
  });

  const hops: readonly [unknown, string][] = [
    ['wss://sip.example', 'encrypted'],
    ['WSS://192.0.2.1:443/path', 'encrypted'],
    ['ws://127.0.0.1:80', 'loopback'],
    ['ws://127.1:80', 'loopback'],
    ['ws://[::1]:80', 'loopback'],
    ['ws://localhost', 'clear'],
    ['ws://127.0.0.1.example', 'clear'],
    ['ws://wss.example', 'clear'],
    ['ws://192.0.2.1', 'clear'],
    ['udp://127.0.0.1', 'clear'],
    ['no url', 'clear'],
    [undefined, 'clear'],
  ];
  for (const [server, signalling] of hops)
    it(`a server at ${String(server)} is ${signalling}`, () =>
      assert.equal(signallingOf({ server }), signalling));

  it('offers and reads the answer; then answers, offers again, and keeps its half', async () => {
    const [caller, callee] = [createLatchkey(), createLatchkey()];
    const a = decorate(new SipCall(), caller);
    const b = decorate(new SipCall(), callee);
    const exchange = async (from: typeof a, to: typeof a) => {
      const offer = await from.handler.getDescription();
      await to.handler.setDescription(offer.body);
      const answer = await to.handler.getDescription();
      await from.handler.setDescription(answer.body);
      return [offer.body, answer.body].map((text) => LATCH_LINE.exec(text)?.[1]);
    };
    const first = await exchange(a, b);
    assert.ok(first[0] !== undefined && first[1] !== undefined && first[0] !== first[1]);
    assert.deepEqual(await exchange(b, a), first.toReversed());
    assert.deepEqual(await exchange(a, b), first);
    for (const { inner } of [a, b]) {
      assert.deepEqual(inner.heard, [sdp(), sdp(), sdp()]);
    }
    caller.close();
    callee.close();
  });

  it('takes no key from sip.js: with a broken Math.random and one Call-ID, two calls share nothing', async () => {
    const latchkey = createLatchkey();
    const { random } = Math;
    Math.random = () => 0.5;
    try {
      const made = await Promise.all(
        [1, 2].map(() => decorate(new SipCall(), latchkey).handler.getDescription()),
      );
      const lines = made.map(({ body }) => /^a=latch:1 (\S+) (\S+)/m.exec(body)?.slice(1) ?? []);
      assert.equal(new Set(lines.flat()).size, 4);
    } finally {
      Math.random = random;
      latchkey.close();
    }
  });

  it('says nothing over clear signalling', async () => {
    const latchkey = createLatchkey();
    const { handler } = decorate(new SipCall('ws://sip.example'), latchkey);
    assert.equal((await handler.getDescription()).body, sdp());
    latchkey.close();
  });

  it('leaves WebRTC alone', () => {
    const latchkey = new FakeLatchkey();
    const inner = Object.assign(new Handler(), { peerConnection: {} });
    const factory = latchSessionDescriptionHandlerFactory(() => inner, latchkey.asLatchkey);
    assert.equal(factory(new SipCall().asSession), inner);
    assert.equal(latchkey.made.length, 0);
  });

  it('gives the session out before the first description', () => {
    const latchkey = new FakeLatchkey();
    const call = new SipCall();
    const inner = new Handler();
    const seen: unknown[] = [];
    const onSession = (...args: unknown[]) => seen.push(...args);
    latchSessionDescriptionHandlerFactory(() => inner, latchkey.asLatchkey, { onSession })(call.asSession);
    assert.deepEqual(seen, [latchkey.made[0], call, inner]);
    assert.deepEqual(latchkey.made[0]?.log, []);
  });

  it('leaves what is no SDP alone', async () => {
    const { handler, inner, session } = withFake();
    inner.contentType = 'application/x-other';
    assert.deepEqual(await handler.getDescription(), { body: sdp(), contentType: 'application/x-other' });
    assert.deepEqual(session.log, []);
  });

  it('passes on what is not its own', () => {
    const { handler, inner, session } = withFake();
    assert.equal(handler.hasDescription('application/sdp'), true);
    assert.equal(handler.hasDescription('text/plain'), false);
    assert.equal(handler.sendDtmf('1'), true);
    handler.close();
    assert.ok(inner.isClosed && session.isClosed);
    handler.close();
  });

  it('an offer of ours that fails is rolled back, and the next description of the peer is an offer', async () => {
    const { handler, inner, session } = withFake();
    await handler.getDescription();
    await handler.rollbackDescription();
    assert.equal(inner.rollbacks, 1);
    await handler.setDescription(sdp());
    assert.deepEqual(session.log, ['local offer', 'rollback', 'remote offer']);
  });

  it('an offer of ours that was redirected is rolled back when the peer offers', async () => {
    const { call, handler, session } = withFake();
    await handler.getDescription();
    call.dialog = { signalingState: 'HaveRemoteOffer' };
    await handler.setDescription(sdp());
    assert.deepEqual(session.log, ['local offer', 'rollback', 'remote offer']);
  });

  it('an offer of the peer that the handler below does not take is rolled back', async () => {
    const { handler, inner, session, call } = withFake();
    inner.fault = new Error('no such codec');
    await assert.rejects(handler.setDescription(sdp()), /no such codec/);
    inner.fault = undefined;
    await handler.setDescription(sdp());
    inner.fault = new Error('no socket');
    await assert.rejects(handler.getDescription(), /no socket/);
    assert.deepEqual(session.log, ['remote offer', 'rollback', 'remote offer', 'rollback']);
    assert.deepEqual(call.rejections, []);
  });

  it('a refused offer is answered with its status and a Warning, and the handler below never hears it', async () => {
    const { call, handler, inner, session } = withFake();
    session.verdict = {
      accepted: false,
      status: 400,
      warning: 'a=latch in "line" 7',
      warnCode: 301,
      warningHeader: '',
    };
    await assert.rejects(handler.setDescription(sdp()), /line/);
    assert.deepEqual(inner.heard, []);
    const extraHeaders = ['Warning: 301 latchkey "a=latch in \\"line\\" 7"'];
    assert.deepEqual(call.rejections, [{ statusCode: 400, extraHeaders }]);
  });

  it('an offer that proves to be of another family than our sockets is answered with 488', async () => {
    const { call, handler, session } = withFake();
    await handler.setDescription(sdp());
    session.setLocal = () => {
      throw new LatchkeyError('LATCHKEY_SDP', 'of another family');
    };
    await assert.rejects(handler.getDescription(), /another family/);
    const extraHeaders = ['Warning: 399 latchkey "of another family"'];
    assert.deepEqual(call.rejections, [{ statusCode: 488, extraHeaders }]);
  });

  it('a refused re-INVITE is left to sip.js, and changes nothing', async () => {
    const { call, handler, session } = withFake();
    call.state = 'Established';
    session.verdict = { accepted: false, status: 488, warning: 'no', warnCode: 399, warningHeader: '' };
    await assert.rejects(handler.setDescription(sdp()));
    assert.deepEqual(call.rejections, []);
    session.verdict = { accepted: true };
    assert.ok((await handler.getDescription()).body.includes('a=latch'));
    assert.deepEqual(session.log, ['remote offer', 'rollback', 'local offer']);
  });

  it('a refused answer is left to sip.js, which hangs up', async () => {
    const { call, handler, session } = withFake();
    await handler.getDescription();
    session.verdict = { accepted: false, status: 488, warning: 'no', warnCode: 399, warningHeader: '' };
    await assert.rejects(handler.setDescription(sdp()));
    assert.deepEqual(call.rejections, []);
    assert.deepEqual(session.log, ['local offer', 'remote answer']);
  });

  it('the malformed attribute of a stranger is a 400', async () => {
    const latchkey = createLatchkey();
    const call = new SipCall();
    const { handler } = decorate(call, latchkey);
    await assert.rejects(handler.setDescription(`${sdp()}a=latch:1 short secret\r\n`));
    assert.equal(call.rejections[0]?.statusCode, 400);
    latchkey.close();
  });

  it('audio that nobody here speaks is a 488', async () => {
    const latchkey = createLatchkey();
    const call = new SipCall();
    const factory = createRtpSessionDescriptionHandlerFactory({ latchkey, address: '127.0.0.1' });
    await assert.rejects(factory(call.asSession).setDescription(sdp().replace('AVP 0', 'AVP 18')));
    assert.equal(call.rejections[0]?.statusCode, 488);
    assert.match(call.rejections[0]?.extraHeaders[0] ?? '', /none of PCMU\/8000, PCMA\/8000 is offered/);
    latchkey.close();
  });
});
