// One participant's video, for everybody who watches it: one ffmpeg, started for the first viewer, stopped after the last, and started
// again with patience when it ends too soon. Who reads too slowly is let go.
import { FfmpegRun } from './ffmpeg-run.js';
import type { Mpeg1Muxer, RunEnd } from './ffmpeg-run.js';
import type { VideoSource } from './watch-types.js';

/** What a viewer is told, as text between the picture's bytes. */
export type VideoState =
  | { readonly state: 'starting' | 'playing' }
  /** It has ended for this reason, and is tried again. */
  | { readonly state: 'waiting'; readonly reason: RunEnd; readonly retryMs: number }
  /** Nobody sends it any more. */
  | { readonly state: 'over' };

/** As a WebSocket has it. */
export interface Viewer {
  readonly bufferedAmount: number;
  send(data: Buffer | string): void;
  terminate(): void;
  close(): void;
}

export interface VideoStreamSite {
  readonly muxer: Mpeg1Muxer;
  readonly ffmpeg: string;
  /** Where the stream is now; undefined where it is over. */
  open(): VideoSource | undefined;
  onState(state: VideoState, words: string): void;
  /** A viewer was let go because it reads too slowly. */
  onDropped(): void;
  /** Nobody watches any more, or it is over. */
  onClosed(): void;
}

/** Of pictures that wait for one viewer: about four seconds. */
const BEHIND_MAX_BYTES = 1024 * 1024;
const RETRY_MS = 500;
const RETRY_MAX_MS = 30_000;
/** Who has played for so long has not failed at once: patience begins anew. */
const STEADY_MS = 10_000;

export class VideoStream {
  readonly #site: VideoStreamSite;
  readonly #viewers = new Set<Viewer>();
  #run: FfmpegRun | undefined;
  #source: VideoSource | undefined;
  #state: VideoState = { state: 'starting' };
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #startedMs = 0;
  #isClosed = false;

  constructor(site: VideoStreamSite) {
    this.#site = site;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1) this.#start();
    else viewer.send(JSON.stringify(this.#state));
  }

  remove(viewer: Viewer): void {
    if (this.#viewers.delete(viewer) && this.#viewers.size === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stop();
    for (const viewer of this.#viewers) viewer.close();
    this.#viewers.clear();
    this.#site.onClosed();
  }

  #start(): void {
    const { muxer, ffmpeg } = this.#site;
    const source = this.#site.open();
    if (!source) return this.#over();
    this.#source = source;
    this.#startedMs = performance.now();
    this.#tell({ state: 'starting' });
    this.#run = new FfmpegRun(source.url, {
      ...{ muxer, ffmpeg },
      onData: (bytes) => this.#show(bytes),
      onEnd: (end, words) => this.#onEnd(end, words),
    });
  }

  #stop(): void {
    this.#run?.stop();
    this.#run = undefined;
    this.#source?.release?.();
    this.#source = undefined;
  }

  #over(): void {
    this.#tell({ state: 'over' });
    this.close();
  }

  #show(bytes: Buffer): void {
    if (this.#state.state !== 'playing') this.#tell({ state: 'playing' });
    for (const viewer of this.#viewers) {
      if (viewer.bufferedAmount > BEHIND_MAX_BYTES) {
        this.#site.onDropped();
        viewer.terminate();
        this.remove(viewer);
      } else viewer.send(bytes);
    }
  }

  #onEnd(reason: RunEnd, words: string): void {
    this.#stop();
    const isSteady = performance.now() - this.#startedMs >= STEADY_MS;
    this.#failures = isSteady ? 0 : this.#failures + 1;
    const retryMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.max(0, this.#failures - 1));
    this.#tell({ state: 'waiting', reason, retryMs }, words);
    this.#timer = setTimeout(() => this.#start(), retryMs);
  }

  #tell(state: VideoState, words = ''): void {
    this.#state = state;
    this.#site.onState(state, words);
    const text = JSON.stringify(state);
    for (const viewer of this.#viewers) viewer.send(text);
  }
}
