// P1: without the secret no off-path attacker moves, copies or injects a single media packet from any address of its
// own, whatever it sends, as often as it likes. The same play against blind latching shows that the attacks are real.
import assert from 'node:assert/strict';
import { attacks } from '../support/attacker.js';
import { itOnGrid, natGrid } from '../support/matrix.js';
import { cleanLink, roughLink } from '../support/network.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

/** Sprays from before the first packet of the call, then tries everything there is, across a re-INVITE. */
function attackThroughout(scene: Scene): void {
  const { stage } = scene;
  const { attacker } = stage;
  const target = scene.target();
  attacker.spray(target.rtp, 1500);
  attacker.spray(target.rtcp, 1500);
  stage.runFor(100);
  scene.call();
  stage.runFor(1400);
  for (const attack of Object.values(attacks)) {
    attack(attacker, target, 250);
    stage.runFor(250);
  }
  scene.reinvite();
  for (const attack of Object.values(attacks)) attack(attacker, target, 500);
  // The caller's side is attacked too: its mapping, from addresses that are not the server's.
  for (const mapped of stage.nat.mappingsOf({ address: stage.callerAddress, port: 5004 }))
    attacker.follow({ ...target, rtp: mapped }, 500);
  stage.runFor(1500);
}

function assertNothingTaken(scene: LatchScene): void {
  assert.equal(scene.stage.stolen, 0, 'stolen');
  assert.equal(scene.injected(), 0, 'injected');
  assert.deepEqual(scene.ledger.violations, []);
  assert.ok(scene.stage.attacker.sent > 1000, 'the attacker attacked');
  assert.ok(scene.heard('caller') > 100 && scene.heard('server') > 100, 'the call went on');
}

describe('P1: an off-path attacker gets nothing and gives nothing', () => {
  itOnGrid('whatever it sends, on a clean line', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    attackThroughout(scene);
    assertNothingTaken(scene);
    assert.equal(scene.server.eventsOf('rebound').length, 0, 'no packet moved');
  });

  itOnGrid('whatever it sends, with loss, delay, reordering and duplication', (point) => {
    const scene = new LatchScene({ ...point, link: roughLink });
    attackThroughout(scene);
    assertNothingTaken(scene);
  });

  for (const isMuxed of [true, false])
    it(`over IPv6 too, ${isMuxed ? 'with' : 'without'} rtcp-mux, and with the server as offerer`, () => {
      const scene = new LatchScene({ isIpv6: true, isMuxed, offerer: 'server', link: cleanLink });
      attackThroughout(scene);
      assertNothingTaken(scene);
    });

  it('from behind the same NAT neither', () => {
    const scene = new LatchScene({ mapping: 'endpoint-independent', filtering: 'endpoint-independent' });
    const { stage } = scene;
    const neighbour = stage.attackerInside('10.0.1.66');
    neighbour.spray(stage.serverRtp, 4000);
    neighbour.follow(scene.target(), 4000);
    scene.call();
    stage.runFor(4000);
    assert.equal(neighbour.stolen.length, 0);
    assert.equal(scene.injected(), 0);
    assert.deepEqual(scene.ledger.violations, []);
    assert.ok(scene.heard('caller') > 100);
  });

  describe('positive control: the same traffic against blind latching', () => {
    for (const variant of ['lock', 'follow'] as const)
      for (const { mapping, filtering, seed } of natGrid)
        it(`steals from a server that would ${variant} [${mapping} mapping, ${filtering} filtering]`, () => {
          const scene = new BlindScene(variant, { mapping, filtering, seed, link: cleanLink });
          attackThroughout(scene);
          assert.ok(scene.stage.stolen > 0, 'stolen');
          assert.ok(scene.injected() > 0, 'injected');
        });

    it('and from behind the same NAT', () => {
      const scene = new BlindScene('lock');
      const neighbour = scene.stage.attackerInside('10.0.1.66');
      neighbour.spray(scene.stage.serverRtp, 4000);
      scene.stage.runFor(100);
      scene.call();
      scene.stage.runFor(3900);
      assert.ok(neighbour.stolen.length > 0);
    });
  });
});
