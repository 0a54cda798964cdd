// The parts of the demonstration, each a process of its own, and how the parent talks to them: it asks over the IPC
// channel, they answer. A part ends with its parent, however that ends, and with nothing else: Ctrl-C and a
// terminal that is closed are the parent's affair.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../phone/failure.js';

/** What a part can be asked: names, each with one argument and an answer that JSON can carry. */
export type Questions = Record<string, (argument: never) => unknown>;

type Argument<Q extends Questions, K extends keyof Q> = Parameters<Q[K]>[0];
type Answer<Q extends Questions, K extends keyof Q> = Awaited<ReturnType<Q[K]>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}
type Reply = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string });

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Nothing that is asked takes longer than a call to be set up, on the slowest of machines. */
const ANSWER_MS = 15_000;
const LEAVE_MS = 1000;

/** A file beside this one, with the ending that this one has: `.js` when built, `.ts` under a loader. */
export function besides(name: string): string {
  return fileURLToPath(new URL(name + extname(fileURLToPath(import.meta.url)), import.meta.url));
}

/** The parent's end of one part. */
export class Part<Q extends Questions> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;
  #isLeaving = false;
  #hasEnded = false;
  readonly ended: Promise<void>;

  /** @param name for people, in complaints; @param file the part's own, without ending */
  constructor(
    readonly name: string,
    file: string,
  ) {
    // What a part prints is a defect, and is to be seen; its stdout would break the lines of --json.
    this.#child = fork(besides(file), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => this.#handleReply(message as Reply));
    this.#child.on('error', (error) => this.#fail(error.message));
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#hasEnded = true;
        this.#fail(`it ended (${signal ?? code})`);
        resolve();
      });
    });
  }

  /** Throws a Failure when the part cannot answer. */
  ask<K extends keyof Q & string>(
    name: K,
    ...[argument]: undefined extends Argument<Q, K> ? [] : [Argument<Q, K>]
  ): Promise<Answer<Q, K>> {
    const id = ++this.#count;
    const question: Question = { id, name, argument };
    return new Promise<Answer<Q, K>>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(id)?.reject(this.#failure(`no answer to ${name}`)),
        ANSWER_MS,
      );
      const clear =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          settle(value);
        };
      this.#waiting.set(id, { resolve: clear(resolve), reject: clear(reject) });
      if (this.#hasEnded || !this.#child.connected) this.#settle(id)?.reject(this.#failure('it has ended'));
      else
        this.#child.send(question, (error) => {
          if (error) this.#settle(id)?.reject(this.#failure(error.message));
        });
    });
  }

  /** Lets go of the part, which ends by itself; one that does not is ended. */
  async end(): Promise<void> {
    if (!this.#isLeaving) {
      this.#isLeaving = true;
      if (this.#child.connected) this.#child.disconnect();
    }
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #handleReply(reply: Reply): void {
    const waiting = this.#settle(reply.id);
    if ('error' in reply) waiting?.reject(this.#failure(reply.error));
    else waiting?.resolve(reply.answer as never);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(this.#failure(reason));
  }

  #failure(reason: string): Failure {
    return new Failure(`${this.name}: ${reason}`, 1);
  }
}

/** The part's end: answers what the parent asks, and ends when the parent is gone. Call it before anything is awaited. */
export function answerParent(questions: Questions): void {
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('message', (message) => {
    const { id, name, argument } = message as Question;
    // The parent may be gone: then nobody is there to be answered.
    const reply = (reply: Reply): void => void process.send?.(reply, undefined, undefined, () => undefined);
    Promise.resolve()
      .then(() => questions[name]?.(argument as never))
      .then((answer) => reply({ id, answer }))
      .catch((error: unknown) =>
        reply({ id, error: error instanceof Error ? error.message : String(error) }),
      );
  });
}
