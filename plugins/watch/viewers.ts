// The pages that are open: each is told what happens in its room, in lines of JSON, and is let go when it reads too slowly.
import type { ServerResponse } from 'node:http';
import type { FeedLine } from './feed-types.js';

/** Waiting for one viewer: a few seconds of a full room. Who is further behind is not catching up. */
const BEHIND_MAX_BYTES = 512 * 1024;

export class Viewers {
  readonly #rooms = new Map<string, Set<ServerResponse>>();
  #count = 0;
  seen = 0;
  dropped = 0;

  get count(): number {
    return this.#count;
  }

  /** The rooms that somebody watches. */
  get rooms(): readonly string[] {
    return [...this.#rooms.keys()];
  }

  isWatched(room: string): boolean {
    return this.#rooms.has(room);
  }

  add(room: string, response: ServerResponse): void {
    const here = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, here.add(response));
    this.#count++;
    this.seen++;
    response.once('close', () => {
      this.#count--;
      here.delete(response);
      if (here.size === 0 && this.#rooms.get(room) === here) this.#rooms.delete(room);
    });
  }

  tell(room: string, line: FeedLine): void {
    const text = `${JSON.stringify(line)}\n`;
    for (const response of this.#rooms.get(room) ?? []) {
      if (response.writableLength + text.length > BEHIND_MAX_BYTES) {
        this.dropped++;
        response.destroy();
      } else response.write(text);
    }
  }

  /** The last line, to everybody. */
  end(line: FeedLine): void {
    const text = `${JSON.stringify(line)}\n`;
    for (const here of this.#rooms.values()) for (const response of here) response.end(text);
  }
}
