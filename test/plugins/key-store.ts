// What holds the keys of calls outside of the process that takes them, for the tests of who has to fetch them.

export const KEY: Uint8Array = Buffer.alloc(32, 7);

/** It answers when it is told to. */
export class KeyStore {
  readonly asked: string[] = [];
  readonly #waiting: {
    resolve: (key: Uint8Array | null) => void;
    reject: (error: Error) => void;
  }[] = [];
  #onAsked: () => void = () => undefined;

  readonly fetchKey = (kid: string): Promise<Uint8Array | null> => {
    this.asked.push(kid);
    this.#onAsked();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  /** Fulfilled when it has been asked so often. */
  async askedFor(count: number): Promise<void> {
    while (this.asked.length < count)
      await new Promise<void>((resolve) => {
        this.#onAsked = resolve;
      });
  }

  give(key: Uint8Array | null = KEY): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(key);
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
