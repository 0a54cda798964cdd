// The tags of ours under which messages may come to a component: those of its generations, and of an offer that
// awaits its answer. Keeps the port's table in step.
import type { Component } from './component.js';
import type { Generation } from './generation.js';
import type { Port } from './port.js';

export class OwnTags {
  #tags = new Set<string>();
  /** The tag of an offer of ours that is not answered yet. */
  awaiting: string | undefined;

  constructor(private readonly component: Component) {}

  renew(generations: readonly Generation[], port: Port | undefined): void {
    this.move(port, undefined);
    this.#tags = new Set(generations.map((generation) => generation.ownTag));
    if (this.awaiting !== undefined) this.#tags.add(this.awaiting);
    this.move(undefined, port);
  }

  move(from: Port | undefined, to: Port | undefined): void {
    for (const tag of this.#tags) {
      from?.removeTag(tag, this.component);
      to?.addTag(tag, this.component);
    }
  }
}
