// P4: a party that knows the secret cannot aim media at an address that does not answer. The traitor here is the
// caller itself: it has the keys, lies in its SDP, and forges source addresses.
import assert from 'node:assert/strict';
import { Bystander } from '../support/bystander.js';
import { itOnGrid } from '../support/matrix.js';
import { isMedia, makeRtp } from '../support/media.js';
import { cleanLink } from '../support/network.js';
import type { Datagram } from '../support/network.js';
import { makeHello, makeKeepalive, makeResponse, makeTransaction, readMessage } from '../support/oracle.js';
import { BlindScene, LatchScene } from '../support/scene.js';
import type { Scene } from '../support/scene.js';

const victimAt = { address: '192.0.2.200', port: 7000 };

const mediaAt = (victim: Bystander): Datagram[] => victim.heard.filter(({ bytes }) => isMedia(bytes));

/** Valid hellos, keepalives, media and answers to every challenge the traitor itself has seen, in the victim's name. */
function betray(scene: LatchScene): void {
  const { stage, pair } = scene;
  const { attacker, serverRtp, prng } = stage;
  const g = pair.generation;
  const say = (bytes: Uint8Array): void => attacker.send(bytes, serverRtp, victimAt);
  for (let i = 0; i < 5; i++) {
    say(makeHello(g, 1, makeTransaction(1_000_000 + 2 * i, prng.bytes(8))));
    say(makeKeepalive(g, makeTransaction(1_000_001 + 2 * i, prng.bytes(8))));
    const { ssrc, sequence, timestamp } = pair.caller.stream;
    say(makeRtp({ ssrc, sequence, timestamp }));
    stage.runFor(30);
    for (const { bytes } of attacker.recorded.splice(0)) {
      const message = readMessage(bytes);
      if (message?.kind !== 'challenge' || message.word === undefined) continue;
      const { transaction, word } = message;
      say(makeResponse(g, 1, { transaction, word }, serverRtp));
      // And with what it must guess: the transaction, or the word.
      say(makeResponse(g, 1, { transaction: prng.bytes(12), word }, serverRtp));
    }
    stage.runFor(300);
  }
}

describe('P4: media is not aimed at who does not answer', () => {
  itOnGrid('by a caller that has the secret and forges source addresses', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    const victim = new Bystander(scene.stage.internet, victimAt);
    // The traitor reads the challenges that reach the caller itself, and only those.
    scene.stage.home.taps.add(() => undefined);
    const read = (datagram: Datagram): void => {
      if (datagram.destination.address !== victimAt.address) scene.stage.attacker.recorded.push(datagram);
    };
    scene.stage.internet.taps.add(read);
    scene.callUntilVerified();
    betray(scene);
    scene.stage.runFor(6000);
    assert.ok(victim.heard.length > 0, 'the victim was challenged');
    assert.equal(mediaAt(victim).length, 0);
    assert.deepEqual(scene.ledger.violations, []);
  });

  itOnGrid('by a caller that names the victim in its SDP', (point) => {
    const scene = new LatchScene({ ...point, link: cleanLink });
    const victim = new Bystander(scene.stage.internet, victimAt);
    for (const port of [victimAt.port, victimAt.port + 1]) scene.ledger.addSignalled({ ...victimAt, port });
    scene.pair.callerChange = { address: victimAt.address, port: victimAt.port, rtcpPort: victimAt.port + 1 };
    scene.call();
    scene.stage.runFor(10_000);
    scene.reinvite();
    scene.stage.runFor(5000);
    assert.equal(mediaAt(victim).length, 0);
    assert.ok(victim.heard.length <= 10, `${victim.heard.length} datagrams`);
    assert.deepEqual(scene.ledger.violations, []);
  });

  it('by a caller that proved an address and then left it to another: it stops within 40 s', () => {
    const scene = new LatchScene({ isDirect: true, link: cleanLink });
    scene.callUntilVerified();
    const { stage, pair } = scene;
    stage.internet.detach(stage.callerAddress);
    const heir = new Bystander(stage.internet, { address: stage.callerAddress, port: 5004 }, 'heir');
    stage.runFor(40_000);
    assert.ok(heir.heard.length > 0);
    const before = mediaAt(heir).length;
    stage.runFor(20_000);
    assert.equal(mediaAt(heir).length, before);
    assert.equal(pair.mapping(), undefined);
    assert.ok(scene.server.eventsOf('expired').length > 0);
  });

  it('positive control: a blind server sends wherever a packet says it came from, or the SDP says', () => {
    const play = (scene: Scene): Bystander => {
      const victim = new Bystander(scene.stage.internet, victimAt);
      scene.call();
      scene.stage.runFor(200);
      scene.stage.attacker.send(
        makeRtp({ ssrc: 9, sequence: 1, timestamp: 1 }),
        scene.stage.serverRtp,
        victimAt,
      );
      scene.stage.runFor(2000);
      return victim;
    };
    assert.ok(mediaAt(play(new BlindScene('follow'))).length > 0);
  });
});
