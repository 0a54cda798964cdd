// An emitter that its listeners cannot break. All that tell applications of something are one: what becomes of a listener that fails is
// decided here and nowhere else.
import { EventEmitter } from 'node:events';

/**
 * Listeners are the application's. What one throws, or rejects with where it is an async function, breaks nothing of what the event comes
 * from. It is told by the event of the emitter that is for this (`fault`, or `listenerError` of a latchkey). Where nobody listens for that,
 * or it is a listener of that event that has failed, it becomes an uncaught exception in a turn of its own, as with any other emitter:
 * nothing is lost in silence.
 */
export abstract class SteadyEmitter<
  Events extends Record<keyof Events, unknown[]>,
> extends EventEmitter<Events> {
  readonly #failureEvent: PropertyKey | undefined;

  /** @param failureEvent The event that tells of a listener that failed, where it is one of this emitter's own. */
  constructor(failureEvent?: keyof Events) {
    super({ captureRejections: true });
    this.#failureEvent = failureEvent;
  }

  /** Tells that a listener failed. False: nobody hears it. */
  protected abstract tellFailure(error: unknown): boolean;

  /** Emits. False: nobody listens. */
  protected tell<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    try {
      return (this as EventEmitter).emit(name as string, ...args);
    } catch (error) {
      this.onFailure(error, name);
      return true;
    }
  }

  /** For what fails in the same way and is no listener of this emitter. */
  protected onFailure(error: unknown, name?: PropertyKey): void {
    const isLast = name !== undefined && name === this.#failureEvent;
    if (!isLast && this.tellFailure(error)) return;
    process.nextTick(() => {
      throw error;
    });
  }

  /** Of listeners that are async functions: node:events calls it. */
  [Symbol.for('nodejs.rejection')](error: unknown, name: string): void {
    this.onFailure(error, name);
  }
}
