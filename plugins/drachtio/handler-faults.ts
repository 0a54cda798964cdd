/**
 * Exceptions of the application's handlers. drachtio-srf prints those of `srf.invite` and the like and answers 500; a rejected
 * promise it does not see, nor one of a dialog's listener, and Node ends the process. Where somebody listens for faults, all are told
 * there, and the request is answered 500. Where nobody does, everything is as without this plugin.
 */
import { EventEmitter } from 'node:events';
import type { DrachtioApp, DrachtioHandler, DrachtioResponse } from './drachtio-types.js';

export interface FaultObserver {
  /** True where somebody listens for faults. */
  isHeard(): boolean;
  onFault(error: unknown): void;
}

/** Wraps the handlers that have come since the last time. */
export class HandlerFaults {
  readonly #observer: FaultObserver;
  readonly #wrapped = new WeakSet<DrachtioHandler>();

  constructor(observer: FaultObserver) {
    this.#observer = observer;
  }

  watch({ stack }: DrachtioApp): void {
    for (const layer of stack) {
      // One that takes an error first is told by its four parameters: it stays as it is.
      if (this.#wrapped.has(layer.handle) || layer.handle.length > 3) continue;
      layer.handle = this.#wrap(layer.handle);
      this.#wrapped.add(layer.handle);
    }
  }

  /** What listeners of this dialog reject with is caught from now on. */
  watchDialog(dialog: EventEmitter): void {
    // drachtio-srf makes its dialogs without `captureRejections`: this is what the constructor of node:events would have done. In a
    // Node that has it no more, all is as without this plugin.
    const { init } = EventEmitter as unknown as { init?: (this: EventEmitter, options: object) => void };
    init?.call(dialog, { captureRejections: true });
    const onRejection = (error: Error, _event: string, ...args: unknown[]) => {
      // As without this plugin: an unhandled rejection.
      if (!this.#observer.isHeard()) return void Promise.reject(error);
      this.#fail(error, args[1]);
    };
    Object.assign(dialog, { [Symbol.for('nodejs.rejection')]: onRejection });
  }

  /** @param response Of the request that the handler had; what it is not is left alone. */
  #fail(error: unknown, response: unknown): void {
    this.#observer.onFault(error);
    const { finalResponseSent, send } = (response ?? {}) as Partial<DrachtioResponse>;
    if (finalResponseSent === false && send) send.call(response, 500);
  }

  #wrap(handle: DrachtioHandler): DrachtioHandler {
    const observer = this.#observer;
    const fail = (error: unknown, response: unknown) => this.#fail(error, response);
    return function (this: unknown, ...args) {
      try {
        const result = handle.apply(this, args);
        if (observer.isHeard() && result instanceof Promise)
          result.catch((error: unknown) => fail(error, args[1]));
        return result;
      } catch (error) {
        if (observer.isHeard()) observer.onFault(error);
        throw error;
      }
    };
  }
}
