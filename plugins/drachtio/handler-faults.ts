/**
 * Exceptions of the application's handlers. drachtio-srf prints those of `srf.invite` and the like and answers 500; a rejected
 * promise it does not see, and Node ends the process. Where somebody listens for faults, both are told there, and both are
 * answered 500. Where nobody does, everything is as without this plugin.
 */
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

  #wrap(handle: DrachtioHandler): DrachtioHandler {
    const observer = this.#observer;
    return function (this: unknown, ...args) {
      try {
        const result = handle.apply(this, args);
        if (observer.isHeard() && result instanceof Promise)
          result.catch((error: unknown) => {
            observer.onFault(error);
            const response = args[1] as DrachtioResponse;
            if (!response.finalResponseSent) response.send(500);
          });
        return result;
      } catch (error) {
        if (observer.isHeard()) observer.onFault(error);
        throw error;
      }
    };
  }
}
