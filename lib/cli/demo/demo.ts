// The order of the demonstration: which scene is played when, when it is measured, and what is told of it. It ends
// early when it is stopped, and then tells what was measured until then.
import { setTimeout as sleep } from 'node:timers/promises';
import { judge } from './demo-event.js';
import type { Column } from './demo-event.js';
import { Scene } from './scene.js';
import type { Rebinding, SceneName } from './scene.js';
import type { Story } from './story.js';

/** Milliseconds since the scene began. */
interface Script {
  readonly sprayMs: number;
  readonly rebindMs: number;
  readonly endMs: number;
}

const LATCHED: Script = { sprayMs: 5000, rebindMs: 10_000, endMs: 14_000 };
const EVIDENCE: Script = { sprayMs: 2000, rebindMs: 5000, endMs: 8000 };
const BLIND: Script = { sprayMs: 2500, rebindMs: 5000, endMs: 8500 };
/** How the spray went is told so long before the NAT rebinds. */
const INTERIM_MS = 200;
/** A scene that was stopped sooner has shown nothing. */
const SHORTEST_MS = 1000;

/** The scene that is played, and the rebinding that it has seen. */
interface Playing {
  readonly scene: Scene;
  rebinding: Rebinding | undefined;
}

export interface DemoOptions {
  readonly story: Story;
  /** By how much the script is shortened: 1 is as written, below it is faster. */
  readonly pace: number;
  readonly stop: AbortSignal;
  /** How to call from another terminal. */
  readonly joinCommand: (scene: Scene) => readonly [call: string, trust: string];
  readonly serverLines: readonly string[];
  /** The page that shows the latched call is there. */
  readonly onWatchable: (url: string) => void;
}

export class Demo {
  readonly #options: DemoOptions;
  readonly #columns: Column[] = [];
  #latched: Scene | undefined;
  /** Those that come after it, as far as they are prepared. */
  readonly #later: Promise<Scene>[] = [];
  /** Rejects when the demonstration is stopped. */
  readonly #stopped: Promise<never>;
  #current: Playing | undefined;
  #measuring = Promise.resolve();

  constructor(options: DemoOptions) {
    this.#options = options;
    this.#stopped = aborted(options.stop);
    this.#stopped.catch(() => undefined);
  }

  /** Starts the first scene's processes. */
  async prepare(): Promise<void> {
    const beganMs = performance.now();
    this.#latched = await Scene.prepare('latched');
    const tookMs = performance.now() - beganMs;
    const { stop, story, onWatchable } = this.#options;
    if (stop.aborted) return;
    story.tell({ event: 'ready', tookMs });
    const { watchUrl: url } = this.#latched.server;
    if (url === undefined) return;
    story.tell({ event: 'watch', url });
    onWatchable(url);
  }

  /** Plays all scenes, or as much of them as there is time for. True when all was played. */
  async play(): Promise<boolean> {
    const { stop } = this.#options;
    if (stop.aborted) return false;
    try {
      await this.#unlessStopped(this.#play());
      return true;
    } catch (error) {
      if (!stop.aborted) throw error;
      await this.#measure();
      return false;
    }
  }

  /** Tells what was measured and what it says; true when that is what the demonstration claims. */
  conclude(): boolean {
    const { story } = this.#options;
    const verdict = judge(this.#columns);
    if (this.#columns.length > 0) story.tell({ event: 'table', columns: this.#columns });
    story.tell({ event: 'verdict', verdict });
    return verdict.isPassed;
  }

  /** Tells how to go on, and resolves when it is to end; the latched call goes on meanwhile. */
  async stayUp(): Promise<void> {
    const { story, joinCommand, serverLines, stop } = this.#options;
    if (!this.#latched || stop.aborted) return;
    story.tell({ event: 'join', command: joinCommand(this.#latched), lines: serverLines });
    await Promise.race([this.#latched.server.ended, this.#stopped.catch(() => undefined)]);
  }

  /** Hangs up and ends all processes. */
  async end(): Promise<void> {
    const later = this.#later.map(async (scene) => (await scene).end());
    await Promise.allSettled([this.#latched?.end(), ...later]);
  }

  async #play(): Promise<void> {
    if (!this.#latched) throw new Error('nothing is prepared');
    const evidence = await this.#playScene(this.#latched, LATCHED, 'evidence');
    await this.#latched.dismissImpostor();
    if (!evidence) return;
    const blind = await this.#playScene(evidence, EVIDENCE, 'blind');
    await evidence.end();
    if (!blind) return;
    await this.#playScene(blind, BLIND);
    await blind.end();
  }

  #prepareLater(name: SceneName): Promise<Scene> {
    const prepared = Scene.prepare(name);
    // What is wrong with it is told when it is awaited.
    prepared.catch(() => undefined);
    this.#later.push(prepared);
    return prepared;
  }

  /** @param next the scene to prepare when nothing is measured in milliseconds any more; resolves with it */
  async #playScene(scene: Scene, script: Script, next?: SceneName): Promise<Scene | undefined> {
    const { story, pace, stop } = this.#options;
    stop.throwIfAborted();
    const startMs = performance.now();
    const current: Playing = { scene, rebinding: undefined };
    this.#current = current;
    const { name, server, processCount: processes } = scene;
    const media = `${server.media.low}-${server.media.high}`;
    story.tell({ event: 'scene', scene: name, server: `${server.address}:${server.port}`, media, processes });
    story.tell({ event: 'met', scene: name, callers: await this.#unlessStopped(scene.meet()) });
    await this.#until(startMs, script.sprayMs);
    await this.#unlessStopped(scene.spray());
    story.tell({ event: 'spray', scene: name, media, knowsNumbers: scene.knowsNumbers });
    await this.#until(startMs, script.rebindMs - INTERIM_MS);
    story.tell({ event: 'interim', result: await this.#unlessStopped(scene.measure()) });
    await this.#until(startMs, script.rebindMs);
    story.tell({ event: 'rebinding', scene: name, name: scene.movedCaller });
    const patienceMs = (script.endMs - script.rebindMs) * pace - INTERIM_MS;
    current.rebinding = await this.#unlessStopped(scene.rebind(patienceMs));
    story.tell({ event: 'rebound', scene: name, ...current.rebinding });
    const prepared = next && this.#prepareLater(next);
    await this.#until(startMs, script.endMs);
    await this.#measure();
    return prepared;
  }

  /** Measures the scene that is played, once; a measurement that is under way is waited for. */
  #measure(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current && current.scene.playedMs >= SHORTEST_MS) this.#measuring = this.#measureScene(current);
    return this.#measuring;
  }

  async #measureScene({ scene, rebinding }: Playing): Promise<void> {
    const column = { result: await scene.measure(), rebinding };
    this.#columns.push(column);
    this.#options.story.tell({ event: 'result', ...column });
  }

  /** What is under way when the demonstration is stopped is left alone, and tells nothing more. */
  #unlessStopped<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#stopped]);
  }

  async #until(startMs: number, scriptMs: number): Promise<void> {
    const dueMs = startMs + scriptMs * this.#options.pace;
    await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal: this.#options.stop });
  }
}

/** Rejects when the signal comes. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new Error('stopped'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
