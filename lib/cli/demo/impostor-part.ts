// The impostor as a process of its own.
import type { Voice } from './attack.js';
import { Impostor } from './impostor.js';
import { answerParent } from './part.js';

let impostor: Impostor | undefined;

function opened(): Impostor {
  if (!impostor) throw new Error('the impostor is not there');
  return impostor;
}

const questions = {
  open: async (ports: { low: number; high: number }) => {
    impostor = await Impostor.open(ports);
    return { port: impostor.report().port };
  },
  spray: (how: { intervalMs: number; voices?: readonly Voice[] }) => opened().spray(how),
  stop: () => opened().stop(),
  report: () => opened().report(),
};

export type ImpostorQuestions = typeof questions;

answerParent(questions);
