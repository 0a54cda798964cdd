// The comparison's counts, from captures made up here: what each number counts, and what it leaves out.
import assert from 'node:assert/strict';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { markOf, recordingOf, speakerOf } from './content.js';
import type { Speaker } from './content.js';
import type { Seen } from './opened.js';
import { lossOf, tally } from './tally.js';
import type { Evidence } from './tally.js';

const ADDRESSES = { caller: '10.0.1.2', callee: '203.0.113.20', attacker: '203.0.113.66' } as const;
const SERVER = '203.0.113.1';
const REBOUND_MS = 5000;
const END_MS = 9000;

function packet(timeMs: number, from: string, to: string, speaker?: Speaker): CapturedDatagram {
  const payload = Buffer.alloc(172);
  if (speaker) payload.write(markOf(speaker), 12);
  return {
    timeMs,
    source: { address: from, port: 1 },
    destination: { address: to, port: 2 },
    payload,
  };
}

/** Times at 20 ms from the first to the last, without those of the gap. */
function times(fromMs: number, toMs: number, gap: readonly [number, number] = [0, 0]): number[] {
  const all = Array.from({ length: (toMs - fromMs) / 20 + 1 }, (_, i) => fromMs + i * 20);
  return all.filter((timeMs) => timeMs <= gap[0] || timeMs >= gap[1]);
}

function evidence(seen: Partial<Record<Speaker, readonly Seen[]>>): Evidence {
  const party = (speaker: Speaker) => ({ address: ADDRESSES[speaker], packets: seen[speaker] ?? [] });
  return {
    ...{ caller: party('caller'), callee: party('callee'), attacker: party('attacker') },
    ...{ reboundMs: REBOUND_MS, endMs: END_MS },
  };
}

const sent = (speaker: Speaker) => (timeMs: number) => packet(timeMs, ADDRESSES[speaker], SERVER, speaker);
const heard = (speaker: Speaker, by: Speaker) => (timeMs: number) =>
  packet(timeMs, SERVER, ADDRESSES[by], speaker);

describe('the tally of the comparison', () => {
  it('counts nothing stolen, injected or lost in a call without trouble', () => {
    const call = times(0, END_MS);
    const counted = tally(
      evidence({
        caller: [...call.map(sent('caller')), ...call.map(heard('callee', 'caller'))],
        callee: [...call.map(sent('callee')), ...call.map(heard('caller', 'callee'))],
      }),
    );
    assert.deepEqual(counted, {
      ...{ genuine: 451, attack: 0, leadMs: undefined, stolen: 0, injected: 0, refused: 0, asked: 0 },
      ...{ lossToCaller: { kind: 'gap', ms: 0 }, lossFromCaller: { kind: 'gap', ms: 0 } },
    });
  });

  it('stolen is what arrived at the attacker of the media of either, and not its own echo, a challenge, or what it sent', () => {
    const toAttacker = ['caller', 'callee', 'callee', 'attacker', undefined] as const;
    const packets = toAttacker.map((speaker) => packet(200, SERVER, ADDRESSES.attacker, speaker));
    const { attack, stolen, asked, leadMs } = tally(
      evidence({
        caller: [sent('caller')(200)],
        attacker: [100, 110].map(sent('attacker')).concat(packets),
      }),
    );
    assert.deepEqual({ attack, stolen, asked, leadMs }, { attack: 2, stolen: 3, asked: 1, leadMs: 100 });
  });

  it('injected is what arrived at either client of the content of the attacker', () => {
    const { injected } = tally(
      evidence({
        caller: [...[1, 2, 3].map(heard('attacker', 'caller')), heard('callee', 'caller')(4)],
        callee: [1, 2].map(heard('attacker', 'callee')),
      }),
    );
    assert.equal(injected, 5);
  });

  it('refused is what arrived of it and has no tag of the key that the client hears', () => {
    const packets = [1, 2, 3].map(heard('attacker', 'caller'));
    const { injected, refused } = tally(
      evidence({
        caller: [packets[0]!, ...packets.slice(1).map((one) => ({ ...one, isRefused: true as const }))],
      }),
    );
    assert.deepEqual({ injected, refused }, { injected: 1, refused: 2 });
  });

  it('genuine is what the callee sent from when the caller spoke', () => {
    const callee = [100, 300, 500].map(sent('callee'));
    assert.equal(tally(evidence({ caller: [sent('caller')(300)], callee })).genuine, 2);
  });

  const around = { reboundMs: REBOUND_MS, endMs: END_MS };
  for (const [what, arrivals, loss] of [
    ['a gap at the rebinding, over the interval', times(0, END_MS, [5000, 5060]), { kind: 'gap', ms: 40 }],
    ['a gap that began before it', times(0, END_MS, [4980, 5100]), { kind: 'gap', ms: 100 }],
    ['a gap long after it', times(0, END_MS, [7000, 7500]), { kind: 'gap', ms: 480 }],
    ['the longest of several', times(0, 8500), { kind: 'gap', ms: 480 }],
    ['no gap before it', times(0, END_MS, [2000, 3000]), { kind: 'gap', ms: 0 }],
    ['nothing in the last second', times(0, 5020), { kind: 'to-the-end' }],
    ['nothing in the second before it', times(0, 3000), { kind: 'before' }],
    ['nothing in the second before it, but later', times(6000, END_MS), { kind: 'before' }],
    ['nothing at all', [], { kind: 'before' }],
    ['only what came after the end', times(0, 5020).concat(END_MS + 20), { kind: 'to-the-end' }],
  ] as const)
    it(`a rebinding: ${what}`, () => assert.deepEqual(lossOf(arrivals, around), loss));

  it('who speaks is told by the content, whatever the header says', () => {
    const bytes = Buffer.alloc(172, 0xff);
    bytes.write(markOf('callee'), 12);
    assert.equal(speakerOf(bytes), 'callee');
    assert.equal(speakerOf(bytes.subarray(0, 20)), undefined);
    assert.equal(speakerOf(Buffer.alloc(172)), undefined);
    assert.ok(Buffer.from(recordingOf('caller')).includes(markOf('caller')));
  });
});
