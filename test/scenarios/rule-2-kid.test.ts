// protocol.md 2: with `kid` in offer and answer both name a key that was had over HTTPS; the secrets in SDP are then only fresh
// random input, and any hop will do. An answerer that does not know the key answers without `a=latch`.
import assert from 'node:assert/strict';
import type { EngineOptions, SdpSession } from '../../lib/core/index.js';
import { NamedKeys } from '../../lib/core/exchange/named-keys.js';
import { converse, Side, type Route } from '../net/engine-pair.js';
import { findLeak, printings } from '../support/secrecy.js';
import { makeSdp, type MediaDescription } from '../support/session-description.js';

const KID = 'phone-7_a';
const KEY = Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1ff', 'hex');
const OTHER_KEY = Buffer.alloc(32, 9);
const CLIENT = { address: '10.0.0.2', port: 5004 };
const SERVER = { address: '203.0.113.1', port: 40000 };
const MAPPING = { address: '198.51.100.9', port: 61000 };

const clientSdp = (media: Partial<MediaDescription> = {}): string =>
  makeSdp({ address: CLIENT.address, media: [{ port: CLIENT.port, isMuxed: true, ...media }] });
const serverSdp = (media: Partial<MediaDescription> = {}): string =>
  makeSdp({ address: SERVER.address, media: [{ port: SERVER.port, isMuxed: true, ...media }] });

class Stage {
  readonly server: Side;
  readonly client = new Side(CLIENT);
  readonly callee: SdpSession;
  readonly caller: SdpSession;
  readonly routes: readonly Route[];

  constructor(options: Partial<EngineOptions> = {}, signalling: 'clear' | 'encrypted' = 'clear') {
    this.server = new Side(SERVER, options);
    this.callee = this.server.engine.createSession({ signalling });
    this.caller = this.client.engine.createSession({ signalling, role: 'prover' });
    this.callee.component(0, 1).attach(this.server.port, 0);
    this.caller.component(0, 1).attach(this.client.port, 0);
    this.routes = [
      { from: this.client, to: this.server, source: MAPPING },
      { from: this.server, to: this.client, source: SERVER },
    ];
  }

  call(nowMs = 0): { offer: string; answer: string } {
    const offer = this.caller.setLocal(clientSdp(), nowMs);
    assert.deepEqual(this.callee.setRemote(offer, nowMs), { accepted: true });
    const answer = this.callee.setLocal(serverSdp(), nowMs);
    assert.deepEqual(this.caller.setRemote(answer, nowMs), { accepted: true });
    return { offer, answer };
  }

  run(untilMs: number): void {
    for (let nowMs = 0; nowMs <= untilMs; nowMs += 10) {
      this.client.engine.handleTimeout(nowMs);
      this.server.engine.handleTimeout(nowMs);
      converse(this.routes, nowMs);
    }
  }

  get verified(): boolean {
    return this.server.events.some(({ type }) => type === 'verified');
  }
}

const find = (key: Uint8Array) => (kid: string) => (kid === KID ? key : undefined);
const kidsOf = (sdp: string): string[] =>
  [...sdp.matchAll(/a=latch:1 .* kid=(\S+)/g)].map(([, kid]) => kid ?? '');

describe('a key that kid names (protocol.md 2)', () => {
  it('makes latch good over clear signalling: offer and answer name it, and the mapping is verified', () => {
    const stage = new Stage({ policy: 'require', findKey: find(KEY) });
    stage.caller.addKey(KID, KEY);
    const { offer, answer } = stage.call();
    assert.deepEqual([kidsOf(offer), kidsOf(answer)], [[KID], [KID]]);
    stage.run(500);
    assert.ok(stage.verified);
    assert.equal(stage.callee.protection, 'latch');
    assert.deepEqual(stage.callee.streams[0]?.mapping, MAPPING);
    const secrets = new Map([['the key', new Uint8Array(KEY)]]);
    const texts = [offer, answer, ...[stage.callee, stage.caller, stage.server.events].flatMap(printings)];
    assert.equal(findLeak(texts, secrets), undefined);
  });

  it('is what proves: who has read all of the SDP and has another key proves nothing', () => {
    const stage = new Stage({ findKey: find(OTHER_KEY) });
    stage.caller.addKey(KID, KEY);
    stage.call();
    stage.run(5000);
    assert.ok(!stage.verified);
    assert.ok(stage.callee.counters.dropped.integrity > 0);
  });

  it('is not known: the answer has no a=latch; under "require" 488', () => {
    const lax = new Stage();
    lax.caller.addKey(KID, KEY);
    const { answer } = lax.call();
    assert.equal(answer, serverSdp());
    assert.equal(lax.callee.protection, 'evidence');
    const strict = new Stage({ policy: 'require', findKey: find(KEY) });
    strict.caller.addKey('another', KEY);
    const verdict = strict.callee.setRemote(strict.caller.setLocal(clientSdp(), 0), 0);
    assert.ok(!verdict.accepted && verdict.status === 488);
  });

  it('is not known on an encrypted hop either: half a key is none', () => {
    const stage = new Stage({}, 'encrypted');
    stage.caller.addKey(KID, KEY);
    assert.equal(stage.call().answer, serverSdp());
  });

  it('must stand in the answer as in the offer, or latch is not supported', () => {
    for (const change of [
      (answer: string) => answer.replace(/ kid=\S+/, ''),
      (answer: string) => answer.replace(/ kid=\S+/, ' kid=another'),
    ]) {
      const stage = new Stage({ findKey: find(KEY) });
      stage.caller.addKey(KID, KEY);
      const offer = stage.caller.setLocal(clientSdp(), 0);
      assert.ok(stage.callee.setRemote(offer, 0).accepted);
      const answer = change(stage.callee.setLocal(serverSdp(), 0));
      assert.deepEqual(stage.caller.setRemote(answer, 0), { accepted: true });
      assert.equal(stage.caller.protection, 'none');
    }
  });

  it('in an answer to an offer without one: not supported', () => {
    const stage = new Stage({}, 'encrypted');
    const offer = stage.caller.setLocal(clientSdp(), 0);
    assert.ok(stage.callee.setRemote(offer, 0).accepted);
    const answer = stage.callee.setLocal(serverSdp(), 0).replace(' suite=', ` kid=${KID} suite=`);
    assert.ok(stage.caller.setRemote(answer, 0).accepted);
    assert.equal(stage.caller.protection, 'none');
  });

  it('outlives its expiry in the call that began with it: a re-offer changes nothing, a new half makes a new generation', () => {
    let isExpired = false;
    const findKey = (kid: string) => (isExpired ? undefined : find(KEY)(kid));
    const stage = new Stage({ policy: 'require', findKey });
    stage.caller.addKey(KID, KEY);
    const { answer } = stage.call();
    isExpired = true;
    const again = stage.call(10);
    assert.equal(again.answer, answer);
    const [, tag = ''] = /a=latch:1 (\S+)/.exec(again.offer) ?? [];
    const renewed = stage.caller.setLocal(clientSdp(), 20).replace(tag, 'X'.repeat(16));
    assert.deepEqual(stage.callee.setRemote(renewed, 20), { accepted: true });
    assert.deepEqual(kidsOf(stage.callee.setLocal(serverSdp(), 20)), [KID]);
  });

  it('may not change under an old tag', () => {
    const findKey = (kid: string) => (kid === 'another' ? OTHER_KEY : find(KEY)(kid));
    const stage = new Stage({ findKey });
    stage.caller.addKey(KID, KEY);
    stage.call();
    const verdict = stage.callee.setRemote(
      stage.caller.setLocal(clientSdp(), 10).replace(`kid=${KID}`, 'kid=another'),
      10,
    );
    assert.ok(!verdict.accepted && verdict.status === 400);
  });

  it("is named by the verifier's own offers too, and by each fork of them", () => {
    const stage = new Stage();
    stage.callee.addKey(KID, KEY);
    stage.caller.addKey(KID, KEY);
    const offer = stage.callee.setLocal(serverSdp(), 0);
    assert.deepEqual(kidsOf(offer), [KID]);
    assert.ok(stage.caller.setRemote(offer, 0).accepted);
    const answer = stage.caller.setLocal(clientSdp(), 0);
    const fork = stage.callee.fork();
    assert.deepEqual(fork.setRemote(answer, 0), { accepted: true });
    stage.run(500);
    assert.equal(fork.protection, 'latch');
    assert.ok(stage.verified);
  });

  it('is 32 bytes under a name of letters, digits, - and _; anything else throws, and shows no key', () => {
    const { caller } = new Stage();
    for (const [kid, key] of [
      ['', KEY],
      ['a b', KEY],
      ['x'.repeat(65), KEY],
      [KID, KEY.subarray(1)],
      [KID, KEY.toString('hex') as unknown as Uint8Array],
    ] as const) {
      assert.throws(
        () => caller.addKey(kid, key),
        (error: Error & { code?: string }) =>
          error.code === 'LATCHKEY_OPTION' &&
          findLeak(printings(error), new Map([['the key', new Uint8Array(KEY)]])) === undefined,
      );
    }
  });

  it('is copied, and the copy is wiped when the call ends (5.10)', () => {
    const given = new Uint8Array(KEY);
    const stage = new Stage({ findKey: find(KEY) });
    stage.caller.addKey(KID, given);
    given.fill(0);
    stage.call();
    stage.run(500);
    assert.ok(stage.verified);
    const keys = new NamedKeys(find(KEY));
    const held = keys.get(KID)?.reveal();
    assert.ok(held && Buffer.from(held).equals(KEY));
    keys.forget();
    assert.deepEqual(held, new Uint8Array(32));
  });

  it('of a foreign description that is passed on is stripped, whatever the hop', () => {
    const stage = new Stage();
    stage.caller.addKey(KID, KEY);
    const offer = stage.caller.setLocal(clientSdp(), 0);
    const bridge = stage.server.engine.createSession({ signalling: 'clear' });
    assert.doesNotMatch(bridge.setLocal(offer, 0), /a=latch/);
  });
});
