// P3: nobody is sent more than three times what they sent, until they prove themselves, but for rule 7's few.
import assert from 'node:assert/strict';
import { Bystander } from '../support/bystander.js';
import { VerifierBench } from '../support/engine-bench.js';
import { itOnGrid } from '../support/matrix.js';
import { isMedia, makeRtp } from '../support/media.js';
import { cleanLink } from '../support/network.js';
import { isStun } from '../support/oracle.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

/** Packets of every size and kind that say they come from the victim. Returns how many bytes of them were sent. */
function spoof(scene: Scene, victim: Bystander): void {
  const { attacker, serverRtp, serverRtcp, clock } = scene.stage;
  const say = (bytes: Uint8Array, to = serverRtp): void => {
    victim.claimedBytes += bytes.length;
    attacker.send(bytes, to, victim.local);
  };
  const { stream } = scene.target();
  for (const sizeBytes of [0, 1, 28, 160])
    say(makeRtp({ ssrc: 9, sequence: sizeBytes, timestamp: 0, payload: new Uint8Array(sizeBytes) }));
  for (let i = 0; i < 10; i++)
    clock.after(100 * i, () => {
      say(makeRtp({ ssrc: stream.ssrc, sequence: stream.sequence, timestamp: stream.timestamp }));
      say(makeRtp({ ssrc: 0, sequence: i, timestamp: 0, payload: new Uint8Array(0) }), serverRtcp);
    });
  for (const { bytes, destination } of attacker.recorded)
    if (destination.address === serverRtp.address && isStun(bytes)) say(bytes, destination);
}

describe('P3: nobody is flooded', () => {
  itOnGrid('a victim in whose name hellos, responses and media are sent', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    const victim = new Bystander(scene.stage.internet, { address: '192.0.2.200', port: 7000 });
    scene.stage.attacker.read();
    scene.call();
    scene.stage.runFor(1000);
    for (let round = 0; round < 3; round++) {
      spoof(scene, victim);
      scene.stage.runFor(5000);
    }
    assert.ok(victim.heardBytes > 0, 'the victim was challenged');
    assert.ok(
      victim.heardBytes <= 3 * victim.claimedBytes,
      `${victim.heardBytes} bytes for ${victim.claimedBytes} sent in its name`,
    );
    assert.equal(victim.heard.filter(({ bytes }) => isMedia(bytes)).length, 0);
    assert.deepEqual(scene.ledger.violations, []);
  });

  it('a tiny datagram does not draw a challenge; more bytes do', () => {
    const peer = new VerifierBench();
    const source = { address: '192.0.2.9', port: 9000 };
    peer.media(source, { sizeBytes: 12 });
    peer.advance(1000);
    assert.equal(peer.challengesTo(source).length, 0);
    for (let i = 0; i < 5; i++) peer.media(source, { sizeBytes: 12 });
    assert.equal(peer.challengesTo(source).length, 1);
  });

  it('a victim named in the SDP of a hundred calls gets rule 7 few: at most 3 a call, 10 a minute', () => {
    const signalled = { address: '192.0.2.200', port: 7000 };
    const first = new VerifierBench({ signalled });
    first.advance(4999);
    assert.equal(first.bench.sentTo(signalled).length, 3);
    for (let call = 0; call < 99; call++) {
      const { session } = new VerifierBench({
        signalled: { ...signalled, port: 7002 + 2 * call },
        beside: first,
      });
      first.advance(500);
      session.close(first.nowMs);
      first.bench.drain();
    }
    const toVictim = first.bench.sent.filter(({ destination }) => destination.address === signalled.address);
    for (const { atMs } of toVictim) {
      const inMinute = toVictim.filter((other) => other.atMs <= atMs && other.atMs > atMs - 60_000);
      assert.ok(inMinute.length <= 10, `${inMinute.length} datagrams in the minute before ${atMs}`);
    }
  });

  it('positive control: blind latching multiplies without end', () => {
    const scene = new BlindScene('follow');
    const victim = new Bystander(scene.stage.internet, { address: '192.0.2.200', port: 7000 });
    const packet = makeRtp({ ssrc: 9, sequence: 1, timestamp: 0, payload: new Uint8Array(0) });
    scene.call();
    scene.stage.runFor(1000);
    victim.claimedBytes += packet.length;
    scene.stage.attacker.send(packet, scene.stage.serverRtp, victim.local);
    scene.stage.runFor(1000);
    assert.ok(victim.heardBytes > 3 * victim.claimedBytes);
  });
});
