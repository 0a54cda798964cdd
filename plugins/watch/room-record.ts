// What is kept of one room, for who opens the page later: its people, those who have just left, and what happened in the last minutes.
import type { Happening, Person, Sample } from './feed-types.js';
import { idOf, PersonRecord, WINDOW_MS } from './person-record.js';
import type { Leg, View } from './person-record.js';

const HAPPENINGS_MAX = 200;
/** Of one room: who comes and goes shall not fill the memory. */
const DEPARTED_MAX = 20;

export class RoomRecord {
  readonly #people = new Map<string, PersonRecord>();
  /** With the time at which they left; their last minute is still shown. */
  readonly #departed = new Map<string, { readonly record: PersonRecord; readonly atMs: number }>();
  readonly #happenings: Happening[] = [];
  #unnamed: Happening[] = [];
  #emptySinceMs: number | undefined;

  constructor(
    readonly name: string,
    readonly onHappening: (happening: Happening) => void,
  ) {}

  get people(): readonly (Person & { readonly sample: Sample })[] {
    return [...this.#people.values()].flatMap(({ person, samples }) => {
      const sample = samples.at(-1);
      return sample ? [{ ...person, sample }] : [];
    });
  }

  get size(): number {
    return this.#people.size;
  }

  get happenings(): readonly Happening[] {
    return this.#happenings;
  }

  get history() {
    const departed = [...this.#departed.values()].map(({ record }) => record);
    return [...departed, ...this.#people.values()].map(({ person, samples }) => {
      return { id: person.id, name: person.name, samples };
    });
  }

  person(id: string): PersonRecord {
    const present = this.#people.get(id) ?? new PersonRecord(id);
    this.#people.set(id, present);
    return present;
  }

  /** What happens to a newcomer is told with the first sample, when its name is known. */
  tell(happening: Happening): void {
    const record = this.#people.get(happening.id);
    if (record?.samples.length === 0) {
      this.#unnamed.push(happening);
      if (this.#unnamed.length > HAPPENINGS_MAX) this.#unnamed.shift();
      return;
    }
    const name = record?.person.name ?? '';
    const told = name === '' ? happening : { ...happening, name };
    this.#happenings.push(told);
    if (this.#happenings.length > HAPPENINGS_MAX) this.#happenings.shift();
    this.onHappening(told);
  }

  /** Takes one more sample of everybody who is here. */
  sample(views: readonly View[], atMs: number): void {
    for (const view of views) {
      const id = idOf(view.leg);
      for (const remote of this.person(id).sample(view, atMs))
        this.tell({ at: atMs, id, kind: 'stranger', remote });
    }
    for (const happening of this.#unnamed.splice(0)) this.tell(happening);
  }

  /** Who is not among these has left. */
  settle(legs: readonly Leg[], atMs: number): void {
    const here = new Set(legs.map(idOf));
    for (const [id, record] of this.#people) {
      if (here.has(id)) continue;
      this.#people.delete(id);
      this.#departed.set(id, { record, atMs });
    }
    for (const [id, { atMs: leftMs }] of this.#departed)
      if (this.#departed.size > DEPARTED_MAX || atMs - leftMs > WINDOW_MS) this.#departed.delete(id);
    this.#emptySinceMs = this.#people.size > 0 ? undefined : (this.#emptySinceMs ?? atMs);
  }

  /** Nothing of it would be seen any more. */
  isOver(atMs: number): boolean {
    return this.#emptySinceMs !== undefined && atMs - this.#emptySinceMs > WINDOW_MS;
  }
}
