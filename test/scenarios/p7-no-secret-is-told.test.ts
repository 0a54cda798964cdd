// P7: the secret is in no log, error, metric, trace or dashboard: not in any event, counter, verdict or error, and not in
// the engine, its sessions and ports themselves, however deep somebody prints them.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { attacks } from '../support/attacker.js';
import { VerifierBench } from '../support/engine-bench.js';
import { itOnGrid } from '../support/matrix.js';
import { readLatchLines } from '../support/oracle.js';
import { LatchScene } from '../support/scene.js';
import { findLeak, printings, secretsOf } from '../support/secrecy.js';

const secretsIn = (scene: LatchScene): Map<string, Uint8Array> => {
  const secrets = new Map<string, Uint8Array>();
  scene.pair.generations.forEach((generation, i) => {
    for (const [name, bytes] of secretsOf(generation, i)) secrets.set(name, bytes);
  });
  scene.pair.descriptions.forEach(({ from, sdp }, i) => {
    for (const { secret } of readLatchLines(sdp))
      secrets.set(`secret of ${from} in description ${i}`, secret);
  });
  return secrets;
};

describe('P7: no secret is told', () => {
  itOnGrid('by anything that can be printed, at any time of a call', (point) => {
    const scene = new LatchScene(point);
    const { stage, pair, server, caller } = scene;
    const texts: string[] = [];
    const print = (): void => {
      for (const host of [server, caller])
        texts.push(...printings(host.engine), ...printings(host.events), ...printings(host.engine.counters));
      for (const { session, ports } of [pair.server, pair.caller]) {
        texts.push(...printings(session), ...printings(session.counters), ...printings(ports));
        texts.push(...printings(session.streams), `${session.id} ${session.protection}`);
        texts.push(...printings(session.component(0, 1)));
      }
    };
    scene.call();
    for (let i = 0; i < 4; i++) {
      stage.runFor(25);
      print();
    }
    for (const attack of Object.values(attacks)) attack(stage.attacker, scene.target(), 300);
    stage.runFor(1000);
    pair.renewCaller({ delayMs: 20 });
    stage.runFor(1000);
    stage.nat.rebind();
    stage.runFor(1000);
    print();
    pair.close('server');
    print();
    const secrets = secretsIn(scene);
    assert.equal(secrets.size, 8, 'two generations, two exchanges');
    assert.equal(findLeak(texts, secrets), undefined);
  });

  it('by the search itself, which does find what leaks (control)', () => {
    const secret = Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 3);
    const secrets = new Map([['it', secret]]);
    for (const leak of [
      { key: secret },
      { key: Buffer.from(secret) },
      new Error(`bad secret ${Buffer.from(secret).toString('base64url')}`),
      { deep: { deeper: { deepest: [Buffer.from(secret).toString('hex')] } } },
      new Map([['key', secret]]),
    ])
      assert.notEqual(findLeak(printings(leak), secrets), undefined, inspect(leak));
  });

  it('by a verdict or an error about a malformed attribute', () => {
    const peer = new VerifierBench();
    const secret = Buffer.alloc(32, 0x5a).toString('base64url');
    const lines = [
      `a=latch:1 tag ${secret} suites=HMAC-SHA-256`,
      `a=latch:1 longenoughtag1 ${secret}= suites=HMAC-SHA-256`,
      `a=latch:1 longenoughtag1 ${secret} suites=HMAC-SHA-256 suites=AES-256`,
      `a=latch:1 longenoughtag1 ${secret.slice(0, 42)}_ suites=HMAC-SHA-256`,
      `a=latch:1 longenoughtag1 ${secret}`,
      `a=latch:1 longenoughtag1 ${secret} suites=HMAC-SHA-256 keepalive=99`,
    ];
    for (const line of lines) {
      const texts: string[] = [];
      const offer = peer.makeOffer({ lines: [line] });
      const verdict = peer.session.setRemote(offer, peer.nowMs, 'offer');
      peer.bench.drain();
      assert.equal(verdict.accepted, false, line);
      assert.equal(verdict.status, 400);
      texts.push(...printings(verdict));
      try {
        peer.session.setLocal(offer, peer.nowMs, 'offer');
      } catch (error) {
        texts.push(...printings(error));
      }
      texts.push(...printings(peer.bench.events));
      assert.ok(!texts.some((text) => text.includes(secret.slice(0, 16))), texts.join('\n'));
    }
  });
});
