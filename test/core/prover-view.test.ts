// What a prover knows of its own mapping: where the verifier's welcomes say it was seen, and that it has answered.
import assert from 'node:assert/strict';
import { LatchScene } from '../support/scene.js';

describe("the prover's view of its mapping", () => {
  it('is nothing before the answer comes', () => {
    const scene = new LatchScene({ isMuxed: true });
    for (const { seenAs, hasProven } of scene.pair.caller.session.streams) {
      assert.equal(seenAs, undefined);
      assert.equal(hasProven, false);
    }
  });

  it('is what the verifier sees, on every component, and follows the NAT', () => {
    const scene = new LatchScene({ isMuxed: false });
    scene.callUntilVerified();
    scene.stage.runFor(500);
    const { pair } = scene;
    const streams = () => pair.caller.session.streams;
    assert.deepEqual(
      streams().map(({ seenAs }) => seenAs),
      [pair.mapping(1), pair.mapping(2)],
    );
    assert.ok(streams().every(({ hasProven }) => hasProven));
    assert.ok(streams().every(({ mapping, nat }) => mapping === undefined && nat === undefined));

    const before = pair.mapping(1);
    scene.stage.nat.rebind();
    scene.stage.runFor(1000);
    // Media went on without a pause: no hello was due, so no welcome has told of the new mapping.
    assert.deepEqual(streams()[0]?.seenAs, before);
    pair.hush();
    scene.stage.runFor(10_000);
    assert.notDeepEqual(pair.mapping(1), before);
    assert.deepEqual(streams()[0]?.seenAs, pair.mapping(1));
  });

  it("is not told of the verifier's own side", () => {
    const scene = new LatchScene({ isMuxed: true });
    scene.callUntilVerified();
    scene.stage.runFor(500);
    for (const { seenAs, hasProven } of scene.pair.server.session.streams) {
      assert.equal(seenAs, undefined);
      assert.equal(hasProven, false);
    }
  });

  it('is forgotten when the local address changes, until the next welcome', () => {
    const scene = new LatchScene({ isMuxed: true });
    scene.callUntilVerified();
    scene.stage.runFor(500);
    const { pair, stage } = scene;
    pair.component('caller', 1).handleLocalChange(stage.clock.nowMs);
    assert.equal(pair.caller.session.streams[0]?.seenAs, undefined);
    stage.runFor(500);
    assert.deepEqual(pair.caller.session.streams[0]?.seenAs, pair.mapping(1));
  });

  it('ends with the call', () => {
    const scene = new LatchScene({ isMuxed: true });
    scene.callUntilVerified();
    scene.pair.close('caller');
    assert.ok(scene.pair.caller.session.streams.every(({ seenAs, hasProven }) => !seenAs && !hasProven));
  });
});
