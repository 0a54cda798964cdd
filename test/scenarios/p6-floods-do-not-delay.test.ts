// P6: a flood from any number of addresses delays an honest rebinding by no more than 100 ms; one that knows the SSRC,
// at most until the prover's next hello.
import assert from 'node:assert/strict';
import { itOnGrid, natGrid } from '../support/matrix.js';
import { makeRtp } from '../support/media.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

const floodMs = 2000;

/** Five hundred packets a second on either port, each from another address, beginning before the rebinding. */
function flood(scene: Scene, kind: 'media' | 'hellos' | 'known SSRC' | 'tiny'): void {
  const { attacker, serverRtp, serverRtcp } = scene.stage;
  const { stream } = scene.target();
  for (const to of [serverRtp, serverRtcp]) {
    if (kind === 'hellos') attacker.floodHellos(to, floodMs, 500);
    else
      attacker.flood({
        to,
        perSecond: 500,
        forMs: floodMs,
        make: (i) =>
          makeRtp({
            ssrc: kind === 'known SSRC' ? stream.ssrc : 1_000_000 + i,
            sequence: stream.sequence + 1,
            timestamp: stream.timestamp,
            ...(kind === 'tiny' ? { payload: new Uint8Array(0) } : {}),
          }),
        from: (i) => attacker.address(i, 3000),
      });
  }
}

/** How long it takes from the rebinding until the server's media goes to the new mapping. */
function rebindUnder(scene: LatchScene, limitMs = 5000): number {
  const { stage, pair } = scene;
  const old = pair.mapping()?.port;
  const startMs = stage.clock.nowMs;
  stage.nat.rebind();
  assert.ok(
    stage.clock.runUntil(() => pair.mapping()?.port !== old && pair.mapping() !== undefined, limitMs),
    'the media follows',
  );
  return stage.clock.nowMs - startMs;
}

function assertNothingTaken(scene: LatchScene): void {
  assert.equal(scene.stage.stolen, 0);
  assert.equal(scene.injected(), 0);
  assert.deepEqual(scene.ledger.violations, []);
}

describe('P6: a flood does not keep an honest rebinding waiting', () => {
  for (const kind of ['media', 'hellos', 'tiny'] as const)
    itOnGrid(`${kind} from a thousand addresses: at most 100 ms more`, (point) => {
      const calm = new LatchScene({ ...point });
      calm.callUntilVerified();
      calm.stage.runFor(700);
      const calmMs = rebindUnder(calm);

      const scene = new LatchScene({ ...point, attackerAddresses: 1000 });
      scene.callUntilVerified();
      flood(scene, kind);
      scene.stage.runFor(700);
      const tookMs = rebindUnder(scene);
      assert.ok(tookMs <= calmMs + 100, `${tookMs} ms against ${calmMs}`);
      assertNothingTaken(scene);
    });

  itOnGrid('with the right SSRC: until the next hello, at most', (point) => {
    const scene = new LatchScene({ ...point, attackerAddresses: 1000 });
    scene.callUntilVerified();
    flood(scene, 'known SSRC');
    scene.stage.runFor(500);
    // Rule 6.4: the prover, hearing nothing for 1 s, says hello; then one switch.
    const tookMs = rebindUnder(scene);
    assert.ok(tookMs <= 1000 + 40 + 60 + 100 + 100, `${tookMs} ms`);
    assertNothingTaken(scene);
  });

  it('a call that begins in a flood is verified as fast as another', () => {
    for (const kind of ['media', 'hellos', 'known SSRC', 'tiny'] as const) {
      const scene = new LatchScene({ attackerAddresses: 1000 });
      flood(scene, kind);
      scene.stage.runFor(1000);
      scene.call();
      const startMs = scene.stage.clock.nowMs;
      assert.ok(scene.stage.clock.runUntil(() => scene.pair.mapping() !== undefined, 3000));
      assert.ok(
        scene.stage.clock.nowMs - startMs <= 40 + 100 + 100,
        `${scene.stage.clock.nowMs - startMs} ms`,
      );
      assertNothingTaken(scene);
    }
  });

  describe('positive control: the same flood against blind latching', () => {
    for (const point of natGrid)
      it(`takes the media for good [${point.mapping} mapping, ${point.filtering} filtering]`, () => {
        const scene = new BlindScene('follow', { ...point, attackerAddresses: 1000 });
        scene.call();
        scene.stage.runFor(500);
        flood(scene, 'media');
        scene.stage.runFor(1500);
        assert.ok(scene.stage.stolen > 0);
      });
  });
});
