// Sequences of calls of the core: an input is a list of operations over calls of every kind of protection on one port, as the
// property of mixed sessions has them, and of datagrams and descriptions out of the input itself. The judge is that of the
// property: what is delivered and sent, budgets, tables, events.
import { MixedCalls, refusingBadCalls } from '../../support/mixed-calls.js';
import type { Choices } from '../../support/mixed-calls.js';
import { MIXED_OPERATION_NAMES, mixedOperations } from '../../support/mixed-operations.js';
import { latin1 } from '../target.js';
import type { Target } from '../target.js';
import { SDP_WORDS } from './sdp.js';

/** Every choice is a byte or two of the input; when they are used up, the first of everything. */
class ByteChoices implements Choices {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isOver(): boolean {
    return this.#at >= this.bytes.length;
  }

  integer(below: number): number {
    const high = below > 256 ? (this.bytes[this.#at++] ?? 0) * 256 : 0;
    return (high + (this.bytes[this.#at++] ?? 0)) % below;
  }

  chance(probability: number): boolean {
    return (this.bytes[this.#at++] ?? 255) < 256 * probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.integer(values.length)]!;
  }

  take(): Uint8Array {
    const size = this.integer(256);
    const taken = this.bytes.slice(this.#at, this.#at + size);
    this.#at += size;
    return taken;
  }
}

const DATAGRAM = MIXED_OPERATION_NAMES.length;
const DESCRIPTION = DATAGRAM + 1;
const MAX_STEPS = 80;

function run(bytes: Uint8Array): void {
  const choices = new ByteChoices(bytes);
  const world = new MixedCalls(choices);
  for (let steps = 0; !choices.isOver && steps < MAX_STEPS; steps++) {
    const step = choices.integer(DESCRIPTION + 1);
    world.advance(5);
    if (step === DATAGRAM) world.receive(choices.take(), world.attacker());
    else if (step === DESCRIPTION) describe(world, choices);
    else mixedOperations[MIXED_OPERATION_NAMES[step]!](world);
    world.judgeMemory();
  }
  world.finish();
}

/** What an attacker's own peer says in its SDP: it may be refused, and changes nothing for others. */
function describe(world: MixedCalls, choices: ByteChoices): void {
  const session = world.engine.createSession({
    call: 'described',
    role: 'verifier',
    signalling: 'encrypted',
  });
  session.component(0, 1).attach(world.port, world.nowMs);
  refusingBadCalls(() => {
    const text = latin1(choices.take());
    if (session.setRemote(`v=0\r\n${text}`, world.nowMs, 'offer').accepted)
      session.setLocal('v=0\r\nm=audio 40000 RTP/AVP 0\r\na=rtcp-mux\r\n', world.nowMs, 'answer');
  });
  const { signalled } = session.component(0, 1);
  if (signalled) world.noteNamed(signalled);
  session.close(world.nowMs);
  world.drain();
}

const named = (...names: readonly (keyof typeof mixedOperations)[]): Uint8Array =>
  Uint8Array.from(names.flatMap((name) => [MIXED_OPERATION_NAMES.indexOf(name), 1, 2, 3]));

export const target: Target = {
  name: 'core',
  maxBytes: 200,
  dictionary: [
    ...MIXED_OPERATION_NAMES.map((name) => named(name)),
    ...SDP_WORDS.filter((word) => word.length > 12),
    Uint8Array.of(DATAGRAM, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42),
    Uint8Array.of(DESCRIPTION, 200),
  ],
  *seeds() {
    yield named('call by latch', 'talk', 'rebind', 'pass', 'everybody talks');
    yield named('call by ICE', 'talk', 'rebind', 'pass', 'talk');
    yield named('call without protection', 'talk', 'follow', 'hang up');
    yield named('call as prover', 'ask our prover', 'pass', 'talk', 'report');
    yield named('call by latch', 'renew', 'race', 'replay', 'flood', 'guess', 'wait', 'talk');
    yield named('prove their own', 'poison', 'junk', 'spray', 'misuse a session', 'downgrade');
  },
  run,
  work: { base: 3_000_000, perByte: 200_000 },
  slowMs: 3000,
};
