// P5: when the NAT rebinds, media goes to the new mapping within 1.5 round trips (the longer path's, at least 30 ms)
// plus 10 ms after enough bytes for one challenge have reached the verifier from there, with no signalling.
import assert from 'node:assert/strict';
import type { TransportAddress } from '../../lib/wire/address.js';
import { itOnGrid, natGrid } from '../support/matrix.js';
import { roughLink } from '../support/network.js';
import type { Link } from '../support/network.js';
import { LatchScene } from '../support/scene.js';
import type { SceneOptions } from '../support/scene.js';

/** The server's and the NAT's cables: 10 ms each, both ways. */
const fixedRoundTripMs = 40;

interface Rebinding {
  /** From the first bytes out of the new mapping to the first payload sent there, by component. */
  readonly tookMs: readonly number[];
  readonly scene: LatchScene;
}

/** Runs a call, lets the NAT do `change`, and takes the time at the verifier's socket. */
function rebind(options: SceneOptions, change: (scene: LatchScene) => void, limitMs = 3000): Rebinding {
  const scene = new LatchScene(options);
  const { stage, pair, server } = scene;
  scene.callUntilVerified();
  stage.runFor(1234);
  const old = pair.components.map((component) => pair.mapping(component) as TransportAddress);
  const enoughMs = new Map<number, { atMs: number; bytes: number }>();
  const sentMs = new Map<number, number>();
  const isNew = (address: TransportAddress, index: number): boolean =>
    address.address !== old[index]?.address || address.port !== old[index]?.port;
  server.observers.push({
    onReceived: (port, { source, bytes }) => {
      const index = pair.server.ports.indexOf(port);
      const first = enoughMs.get(index);
      if (!isNew(source, index) || (first !== undefined && 3 * first.bytes >= 136)) return;
      enoughMs.set(index, { atMs: stage.clock.nowMs, bytes: (first?.bytes ?? 0) + bytes.length });
    },
  });
  change(scene);
  const isDone = (): boolean => {
    pair.components.forEach((component, index) => {
      const mapping = pair.mapping(component);
      if (mapping !== undefined && isNew(mapping, index) && !sentMs.has(index))
        sentMs.set(index, stage.clock.nowMs);
    });
    return sentMs.size === pair.components.length;
  };
  assert.ok(stage.clock.runUntil(isDone, limitMs), 'media follows the rebinding');
  const tookMs = [...sentMs].map(([index, atMs]) => atMs - (enoughMs.get(index)?.atMs ?? NaN));
  return { tookMs, scene };
}

const boundMs = (roundTripMs: number): number => Math.max(30, 1.5 * roundTripMs) + 10;

function assertMovedInTime({ tookMs, scene }: Rebinding, roundTripMs: number): void {
  for (const ms of tookMs)
    assert.ok(ms <= boundMs(roundTripMs), `${ms} ms, promised ${boundMs(roundTripMs)}`);
  assert.deepEqual(scene.ledger.violations, []);
  const { pair, stage, server } = scene;
  const rebound = server.eventsOf('rebound');
  assert.equal(rebound.length, pair.components.length, 'one event a component');
  assert.equal(server.eventsOf('conflict').length, 0);
  // Both directions flow again, at the full rate.
  stage.runFor(200 + roundTripMs);
  const before = [scene.heard('caller'), scene.heard('server')];
  stage.runFor(1000);
  for (const [i, side] of (['caller', 'server'] as const).entries())
    assert.ok(scene.heard(side) - (before[i] ?? 0) >= 50, `${side} hears`);
}

describe('P5: a rebinding is followed at once', () => {
  itOnGrid('to another port', (point) => {
    assertMovedInTime(
      rebind(point, ({ stage }) => stage.nat.rebind()),
      fixedRoundTripMs,
    );
  });

  itOnGrid('to another external address', (point) => {
    assertMovedInTime(
      rebind(point, ({ stage }) => stage.nat.renumber('198.51.100.99')),
      fixedRoundTripMs,
    );
  });

  for (const delayMs of [0, 1, 5, 50, 150, 400])
    for (const isMuxed of [true, false])
      it(`with ${delayMs} ms more each way, ${isMuxed ? 'with' : 'without'} rtcp-mux`, () => {
        const link: Link = { delayMs, jitterMs: 0, loss: 0, duplication: 0 };
        const moved = rebind({ link, isMuxed }, ({ stage }) => stage.nat.rebind());
        assertMovedInTime(moved, fixedRoundTripMs + 2 * delayMs);
      });

  it('behind two NATs, when the carrier rebinds', () => {
    assertMovedInTime(
      rebind({ isDoubleNat: true }, ({ stage }) => stage.nat.rebind()),
      fixedRoundTripMs + 40,
    );
  });

  it('over IPv6', () => {
    assertMovedInTime(
      rebind({ isIpv6: true }, ({ stage }) => stage.nat.rebind()),
      fixedRoundTripMs,
    );
  });

  it('once a second, five times over', () => {
    const scene = new LatchScene();
    scene.callUntilVerified();
    for (let i = 0; i < 5; i++) {
      const { stage, pair } = scene;
      stage.nat.rebind();
      stage.runFor(1000);
      const mapped = stage.nat.mappingsOf({ address: stage.callerAddress, port: 5004 });
      assert.deepEqual(pair.mapping(), mapped.at(-1));
    }
    assert.deepEqual(scene.ledger.violations, []);
    assert.equal(scene.server.eventsOf('conflict').length, 0);
  });

  for (const point of natGrid)
    it(`on a rough line it takes retransmissions, no more [${point.mapping} mapping, ${point.filtering} filtering]`, () => {
      const { scene } = rebind({ ...point, link: roughLink }, ({ stage }) => stage.nat.rebind(), 5000);
      assert.deepEqual(scene.ledger.violations, []);
    });

  it('the receiving side is silent no longer than the switch takes', () => {
    const { scene } = rebind({}, ({ stage }) => stage.nat.rebind());
    const startMs = scene.stage.clock.nowMs - 300;
    scene.stage.runFor(1000);
    assert.ok(
      scene.pair.longestSilenceMs('caller', startMs) <= boundMs(fixedRoundTripMs) + 2 * 20 + fixedRoundTripMs,
    );
  });

  it('with nobody speaking: the prover notices within 7 s and says hello', () => {
    const scene = new LatchScene({ isMuxed: true });
    const { stage, pair } = scene;
    scene.callUntilVerified();
    pair.negotiate({ direction: 'inactive', delayMs: 20 });
    pair.hush();
    stage.runFor(3000);
    const old = pair.mapping();
    stage.nat.rebind();
    assert.ok(stage.clock.runUntil(() => pair.mapping()?.port !== old?.port, 8500));
    assert.deepEqual(scene.ledger.violations, []);
  });
});
