// P2: a recorded hello, response or keepalive, replayed or raced from any address, moves nothing.
import assert from 'node:assert/strict';
import { itOnGrid, natGrid } from '../support/matrix.js';
import { cleanLink, roughLink } from '../support/network.js';
import { isStun, readMessage } from '../support/oracle.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

/** Reads everything from the first packet on, and sends it all again from other addresses, at three times. */
function recordAndReplay(scene: Scene, before?: () => void): void {
  const { stage } = scene;
  const { attacker } = stage;
  attacker.read();
  scene.call();
  stage.runFor(1000);
  for (let round = 0; round < 3; round++) {
    before?.();
    attacker.replay(stage.serverRtp);
    attacker.replay(stage.serverRtcp);
    attacker.replay(stage.serverRtp, attacker.address(3), isStun);
    stage.runFor(1500);
  }
}

/** Every packet of the caller's, copied from another address and there first, from the first hello on. */
function race(scene: Scene): void {
  const { stage } = scene;
  stage.attacker.race('caller', stage.serverRtp.address);
  scene.call();
  stage.runFor(4000);
  scene.reinvite();
  stage.runFor(2000);
}

function assertNothingMoved(scene: LatchScene): void {
  const mapped = scene.stage.nat.mappingsOf({ address: scene.stage.callerAddress, port: 5004 });
  assert.equal(scene.stage.stolen, 0, 'stolen');
  assert.equal(scene.injected(), 0, 'injected');
  assert.deepEqual(scene.ledger.violations, []);
  assert.deepEqual(scene.pair.mapping(), mapped[0], 'the media stayed with the caller');
  assert.equal(scene.server.eventsOf('rebound').length, 0);
  assert.ok(scene.heard('caller') > 100 && scene.heard('server') > 100, 'the call went on');
}

describe('P2: replays and races move nothing', () => {
  itOnGrid('everything recorded, replayed from other addresses', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    recordAndReplay(scene);
    const kinds = new Set(scene.stage.attacker.recorded.map(({ bytes }) => readMessage(bytes)?.kind));
    assert.ok(kinds.has('hello') && kinds.has('response'), 'hellos and responses were recorded');
    assertNothingMoved(scene);
  });

  itOnGrid('everything raced by a copy that arrives first', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    race(scene);
    assertNothingMoved(scene);
  });

  itOnGrid('raced on a rough line', (point) => {
    const scene = new LatchScene({ ...point, link: roughLink });
    race(scene);
    assert.equal(scene.stage.stolen, 0);
    assert.equal(scene.injected(), 0);
    assert.deepEqual(scene.ledger.violations, []);
  });

  it('a keepalive neither', () => {
    const scene = new LatchScene({ isMuxed: true, engine: { keepaliveS: 5 } });
    const { stage } = scene;
    stage.attacker.read();
    scene.call();
    stage.runFor(1000);
    scene.pair.hush();
    scene.pair.negotiate({ direction: 'inactive' });
    stage.runFor(30_000);
    const isKeepalive = (bytes: Uint8Array): boolean => readMessage(bytes)?.kind === 'keepalive';
    assert.ok(stage.attacker.replay(stage.serverRtp, undefined, isKeepalive) > 0);
    stage.runFor(6000);
    scene.pair.negotiate({ direction: 'sendrecv' });
    scene.pair.talk();
    stage.runFor(2000);
    assertNothingMoved(scene);
  });

  it('what was recorded in one call moves nothing in the next on the same port', () => {
    const scene = new LatchScene();
    const { stage } = scene;
    stage.attacker.read();
    scene.call();
    stage.runFor(2000);
    scene.pair.renewCaller({ delayMs: 20 });
    stage.runFor(500);
    stage.attacker.replay(stage.serverRtp);
    stage.runFor(3000);
    assertNothingMoved(scene);
  });

  describe('positive control: the same traffic against blind latching', () => {
    for (const { mapping, filtering, seed } of natGrid) {
      it(`a replay steals [${mapping} mapping, ${filtering} filtering]`, () => {
        const scene = new BlindScene('lock', { mapping, filtering, seed, link: cleanLink });
        recordAndReplay(scene, () => scene.reinvite());
        assert.ok(scene.stage.stolen > 0);
      });
      it(`a race steals [${mapping} mapping, ${filtering} filtering]`, () => {
        const scene = new BlindScene('lock', { mapping, filtering, seed, link: cleanLink });
        race(scene);
        assert.ok(scene.stage.stolen > 0);
      });
    }
  });
});
