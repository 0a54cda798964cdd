// Own methods laid over those of one object, and taken off again so that nothing shows: property by property, as
// it was. Where somebody else has since wrapped one, it stays below theirs and only passes calls through.

export class MethodLayer {
  /** False once removed: methods that are still reachable, through a wrapper or a kept reference, pass through. */
  isActive = true;
  readonly #laid: { name: string; method: unknown; before: PropertyDescriptor | undefined }[] = [];

  constructor(private readonly target: object) {}

  /** Lays one method. `make` is given the one below, whoever put it there. */
  lay<M>(name: string, make: (below: M) => M): M {
    const { target } = this;
    const before = Object.getOwnPropertyDescriptor(target, name);
    const below = Reflect.get(target, name) as M;
    const method = make(below);
    // Not enumerable: a printed or copied socket looks as it did.
    Object.defineProperty(target, name, {
      value: method,
      writable: true,
      configurable: true,
      enumerable: false,
    });
    this.#laid.push({ name, method, before });
    return below;
  }

  remove(): void {
    this.isActive = false;
    for (const { name, method, before } of this.#laid.reverse()) {
      if (Object.getOwnPropertyDescriptor(this.target, name)?.value !== method) continue;
      if (before) Object.defineProperty(this.target, name, before);
      else Reflect.deleteProperty(this.target, name);
    }
    this.#laid.length = 0;
  }
}
