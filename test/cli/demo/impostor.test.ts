import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { attack, isMarked, markedPacket } from '../../../lib/cli/demo/attack.js';
import { Impostor } from '../../../lib/cli/demo/impostor.js';
import { playTone } from '../../../lib/capture/index.js';
import { classifyPacket, parseRtp } from '../../../lib/wire/index.js';

const VOICES = [{ ssrc: 0xa11ce, sequence: 65_535 }];

function headerOf(packet: Uint8Array) {
  const header = parseRtp(packet);
  assert.ok(header.ok);
  return header.value;
}

describe('the impostor of the demonstration', () => {
  describe('what it sends', () => {
    const take = (count: number, voices = VOICES) => {
      const rounds = attack(77, voices);
      return Array.from(
        { length: count },
        () => rounds.next().value as { even: Uint8Array[]; odd: Uint8Array[] },
      );
    };

    it('scans with four bare headers, marker and PCMU, and knocks at odd ports with too short media', () => {
      const scan = take(4);
      for (const [i, { even }] of scan.entries()) {
        assert.equal(even.length, 1);
        assert.equal(Buffer.from(even[0] ?? []).toString('hex'), `8080000${i}0000000000000000`);
      }
      assert.deepEqual(
        scan.map(({ odd }) => odd.map((stub) => Buffer.from(stub).toString('hex'))),
        [['80000000'], [], [], []],
      );
    });

    it('then sprays one identical packet, and forges the next ones of each voice', () => {
      const rounds = [...take(8).slice(4), ...take(16).slice(12)];
      const same = rounds.map(({ even }) => Buffer.from(even[0] ?? []).toString('hex'));
      assert.equal(new Set(same).size, 1);
      assert.equal((same[0] ?? '').length / 2, 172);
      const forged = rounds.map(({ even }) => headerOf(even[1] ?? new Uint8Array()));
      assert.deepEqual(
        forged.map(({ sequence }) => sequence),
        [0, 1, 2, 3, 4, 5, 6, 7],
      );
      for (const { ssrc, payloadType } of forged) assert.deepEqual([ssrc, payloadType], [0xa11ce, 0]);
    });

    it('marks all its payload, and nobody else’s is marked', () => {
      for (const { even } of take(16))
        for (const packet of even)
          if (packet.length > 12) assert.ok(isMarked(packet) && classifyPacket(packet) === 'rtp');
      assert.equal(isMarked(playTone(0.02)[0]?.bytes ?? new Uint8Array()), false);
      assert.equal(isMarked(markedPacket(1, 1, 1).subarray(0, 19)), false);
    });
  });

  describe('its socket', () => {
    let victim: Socket;
    let impostor: Impostor;

    beforeEach(async () => {
      victim = createSocket('udp4');
      victim.bind(0, '127.0.0.1');
      await once(victim, 'listening');
      const { port } = victim.address();
      impostor = await Impostor.open({ low: port, high: port });
    });

    afterEach(() => {
      impostor.close();
      victim.close();
    });

    it('sprays the ports until it is told to stop', async () => {
      impostor.spray({ intervalMs: 5, voices: VOICES });
      await once(victim, 'message');
      await once(victim, 'message');
      impostor.stop();
      const { sent } = impostor.report();
      assert.ok(sent >= 2);
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(impostor.report().sent, sent);
    });

    it('counts as stolen whatever it gets but challenges and its own packets', async () => {
      const challenge = Buffer.alloc(20);
      challenge.write('000100002112a442', 'hex');
      const [speech] = playTone(0.02, { ssrc: 5 });
      const report = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 7);
      const packets = [
        challenge,
        speech?.bytes ?? '',
        speech?.bytes ?? '',
        report,
        'x',
        markedPacket(5, 1, 1),
      ];
      for (const packet of packets) victim.send(packet, impostor.report().port, '127.0.0.1');
      const arrived = () => impostor.report().stolen + impostor.report().challenges + impostor.report().own;
      while (arrived() < packets.length) await new Promise((resolve) => setImmediate(resolve));
      const { stolen, challenges, own, speech: whose } = impostor.report();
      assert.deepEqual(
        { stolen, challenges, own, whose },
        { stolen: 4, challenges: 1, own: 1, whose: { 5: 2 } },
      );
    });
  });
});
