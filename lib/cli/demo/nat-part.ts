// A simulated NAT as a process of its own.
import { nowMs } from './clock.js';
import { Nat } from './nat.js';
import type { NatBehaviour } from './nat.js';
import { answerParent } from './part.js';

let nat: Nat | undefined;

function opened(): Nat {
  if (!nat) throw new Error('the NAT is not open');
  return nat;
}

const questions = {
  open: async (behaviour: NatBehaviour) => {
    nat = await Nat.open(behaviour);
    return { insidePort: nat.insidePort };
  },
  rebind: () => {
    const atMs = nowMs();
    const before = opened().mappings;
    opened().rebind();
    return { atMs, before, epoch: opened().epoch };
  },
  report: () => ({ mappings: opened().mappings, counters: opened().counters }),
};

export type NatQuestions = typeof questions;

answerParent(questions);
