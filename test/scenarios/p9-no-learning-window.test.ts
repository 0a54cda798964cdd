// P9: all of this holds at call start, during the call, and after every re-INVITE alike: there is no learning window.
import assert from 'node:assert/strict';
import { itOnGrid, natGrid } from '../support/matrix.js';
import { cleanLink, roughLink } from '../support/network.js';
import { makeRtp } from '../support/media.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

const reinvites = 4;

/** The attacker strikes at the moments when others learn: at the start, and right after every re-INVITE. */
function strikeAtWindows(scene: Scene, reinvite: (round: number) => void): number[] {
  const { stage } = scene;
  const { attacker } = stage;
  const target = scene.target();
  const stolen: number[] = [];
  const strike = (): void => {
    for (const to of [target.rtp, target.rtcp])
      attacker.flood({
        to,
        perSecond: 500,
        forMs: 300,
        make: () => makeRtp({ ssrc: target.stream.ssrc, sequence: target.stream.sequence + 1, timestamp: 0 }),
      });
  };
  strike();
  stage.runFor(100);
  scene.call();
  stage.runFor(2000);
  stolen.push(stage.stolen);
  for (let round = 0; round < reinvites; round++) {
    strike();
    stage.runFor(5);
    reinvite(round);
    stage.runFor(2000);
    stolen.push(stage.stolen);
  }
  return stolen;
}

/** Re-INVITEs of all kinds: the same keys, the other side's offer, hold and resume, new keys. */
function reinviteVariously(scene: LatchScene, round: number): void {
  const { pair } = scene;
  if (round === 0) pair.negotiate({ delayMs: 20 });
  else if (round === 1)
    pair.negotiate({ delayMs: 20, offerer: pair.offerer === 'caller' ? 'server' : 'caller' });
  else if (round === 2) pair.negotiate({ delayMs: 20, direction: 'sendonly' });
  else pair.renewCaller({ delayMs: 20, direction: 'sendrecv' });
}

describe('P9: there is no learning window', () => {
  for (const offerer of ['caller', 'server'] as const)
    itOnGrid(`at the start, in the call and after re-INVITEs, the ${offerer} offering`, (point) => {
      const scene = new LatchScene({ ...point, offerer, link: cleanLink });
      const stolen = strikeAtWindows(scene, (round) => reinviteVariously(scene, round));
      assert.deepEqual(stolen, new Array<number>(reinvites + 1).fill(0));
      assert.equal(scene.injected(), 0);
      assert.deepEqual(scene.ledger.violations, []);
      assert.ok(scene.heard('caller') > 200 && scene.heard('server') > 200);
    });

  itOnGrid('on a rough line', (point) => {
    const scene = new LatchScene({ ...point, link: roughLink });
    const stolen = strikeAtWindows(scene, (round) => reinviteVariously(scene, round));
    assert.deepEqual(stolen, new Array<number>(reinvites + 1).fill(0));
    assert.equal(scene.injected(), 0);
    assert.deepEqual(scene.ledger.violations, []);
  });

  itOnGrid('and the media never pauses over a re-INVITE with new keys', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    const { stage, pair } = scene;
    scene.callUntilVerified();
    stage.runFor(500);
    const fromMs = stage.clock.nowMs;
    pair.renewCaller({ delayMs: 20 });
    stage.runFor(3000);
    assert.ok(pair.generations.length === 2, 'there are new keys');
    assert.ok(pair.longestSilenceMs('caller', fromMs) <= 60, `${pair.longestSilenceMs('caller', fromMs)} ms`);
    assert.ok(pair.longestSilenceMs('server', fromMs) <= 60, `${pair.longestSilenceMs('server', fromMs)} ms`);
  });

  describe('positive control: the same strikes against blind latching', () => {
    for (const { mapping, filtering, seed } of natGrid)
      it(`steal at the start and after a re-INVITE [${mapping} mapping, ${filtering} filtering]`, () => {
        const scene = new BlindScene('lock', { mapping, filtering, seed, link: cleanLink });
        const stolen = strikeAtWindows(scene, () => scene.reinvite());
        assert.ok((stolen[0] ?? 0) > 0, 'at the start');
        assert.ok((stolen.at(-1) ?? 0) > (stolen[0] ?? 0), 'after a re-INVITE');
      });
  });
});
