// An emitter that its listeners cannot break. All that tell applications of something are one: what becomes of a listener that fails is
// decided here and nowhere else.
import { EventEmitter } from 'node:events';

/**
 * Where node:events keeps the listeners of an emitter, by event; its prototype has none. It makes a table of 184 bytes for each at once, and
 * another one when the last listener goes. Of ten thousand calls most have one listener or none.
 */
interface Kept {
  _events: object | undefined;
  readonly _eventsCount: number;
}
/** So that no name of an event is found before somebody listens for it. */
const NO_EVENTS = Object.create(null) as object;

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

  // Not as methods: their types would have to say again what those of node:events do.
  static {
    const { prototype } = EventEmitter;
    const own: Pick<EventEmitter, 'on' | 'off' | 'removeListener'> = this.prototype;
    own.on = function (this: EventEmitter & Kept, name, listener) {
      this._events ??= Object.create(NO_EVENTS) as object;
      prototype.on.call(this, name, listener);
      return this;
    };
    own.off = own.removeListener = function (this: EventEmitter & Kept, name, listener) {
      prototype.removeListener.call(this, name, listener);
      if (this._eventsCount === 0) this._events = undefined;
      return this;
    };
  }

  /** @param failureEvent The event that tells of a listener that failed, where it is one of this emitter's own. */
  constructor(failureEvent?: keyof Events) {
    super({ captureRejections: true });
    this.#failureEvent = failureEvent;
    (this as unknown as Kept)._events = undefined;
  }

  /** Tells that a listener failed. False: nobody hears it. */
  protected abstract tellFailure(error: unknown): boolean;

  /** Somebody listens for some event. */
  protected get hasListeners(): boolean {
    return (this as unknown as Kept)._events !== undefined;
  }

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
