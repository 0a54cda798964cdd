// P7 over random sequences: whatever happens, nothing that can be printed holds a secret.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { readLatchLines } from '../support/oracle.js';
import type { Play } from '../support/play.js';
import { findLeak, secretsOf } from '../support/secrecy.js';
import { holdOver } from '../support/sequences.js';

const depth = { depth: 12, maxArrayLength: 60 };

/** All that an application could log of what the engine gave it, and the engines themselves. */
function print(play: Play): string[] {
  const hosts = [play.server, ...play.casts.map(({ host }) => host)];
  const texts = hosts.flatMap(({ engine, events }) => [
    inspect(engine, depth),
    JSON.stringify(events),
    JSON.stringify(engine.counters),
  ]);
  for (const { caller, server } of play.pairs)
    for (const { session, ports } of [caller, server])
      texts.push(inspect(session, depth), inspect(ports, depth), JSON.stringify(session.streams));
  return texts;
}

function secretsOfAll(play: Play): Map<string, Uint8Array> {
  const secrets = new Map<string, Uint8Array>();
  for (const { name, generations, descriptions } of play.pairs) {
    generations.forEach((generation, i) => {
      for (const [key, bytes] of secretsOf(generation, i)) secrets.set(`${name}: ${key}`, bytes);
    });
    descriptions.forEach(({ sdp }, i) => {
      for (const { secret } of readLatchLines(sdp)) secrets.set(`${name}: description ${i}`, secret);
    });
  }
  return secrets;
}

describe('P7 over random sequences', () => {
  it('nothing that can be printed holds a secret', function () {
    this.timeout(60_000);
    let secrets = 0;
    const totals = holdOver(
      {
        sequences: 1000,
        length: 6,
        options: (prng) => ({ callers: 1 + prng.integer(2), isShared: prng.chance(0.5) }),
        weights: {
          pass: 5,
          talk: 4,
          rebind: 2,
          reoffer: 2,
          renew: 3,
          'failed reoffer': 2,
          strip: 1,
          close: 1,
          'call again': 2,
          spray: 1,
          guess: 1,
          replay: 1,
          betray: 1,
        },
        violation: () => undefined,
        after: (play) => {
          const all = secretsOfAll(play);
          secrets += all.size;
          return findLeak(print(play), all);
        },
      },
      7_000_000,
    );
    assert.ok(secrets > 4000 && totals.verified > 500, `${secrets} secrets, ${JSON.stringify(totals)}`);
  });
});
