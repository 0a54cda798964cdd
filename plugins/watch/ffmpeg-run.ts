// One run of ffmpeg, from an RTSP stream to what jsmpeg plays, by the muxer of node-rtsp-stream. Its stream class is left alone: that one
// opens a WebSocket on every interface, for anybody. What the muxer makes goes to who started the run, and to nobody else.
import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';

/** `node-rtsp-stream/mpeg1muxer.js`: starts ffmpeg as it is constructed. */
export type Mpeg1Muxer = new (options: {
  readonly url: string;
  readonly ffmpegPath: string;
  readonly ffmpegOptions: Readonly<Record<string, string | number>>;
}) => EventEmitter & { readonly stream: ChildProcess | undefined };

/** `missing`: there is no such program. `ended`: it ended in order, as it does where the stream ends. `crashed`: otherwise. */
export type RunEnd = 'missing' | 'ended' | 'crashed';

export interface RunSite {
  readonly muxer: Mpeg1Muxer;
  readonly ffmpeg: string;
  onData(bytes: Buffer): void;
  /** Once. `words` are ffmpeg's last, without passwords; empty where it had none. */
  onEnd(end: RunEnd, words: string): void;
}

/**
 * The frame rates of MPEG-1 are a short list; 25 is on it. B-frames would be waited for; a viewer who comes later waits for the next
 * group of pictures, so that there is one each second.
 */
const OPTIONS = {
  ...{ '-an': '', '-r': 25, '-g': 25, '-bf': 0, '-b:v': '1800k', '-maxrate': '2500k', '-bufsize': '1250k' },
  // No wider than a page shows it; MPEG-1 wants even sides.
  '-vf': "scale='trunc(min(960,iw)/2)*2':-2",
  ...{ '-muxdelay': '0.05', '-threads': 1, '-loglevel': 'error', '-nostdin': '', '-hide_banner': '' },
} as const;
const WORDS_MAX = 300;

export class FfmpegRun {
  readonly #site: RunSite;
  #child: ChildProcess | undefined;
  #hasEnded = false;
  #words = '';

  constructor(url: string, site: RunSite) {
    this.#site = site;
    // Where even a pipe cannot be had its constructor throws, and its process would have no listener for what comes next: an
    // exception that nobody catches. What it has made by then is reached only in this way.
    const made = Object.create(site.muxer.prototype as object) as InstanceType<Mpeg1Muxer>;
    const options = { url, ffmpegPath: site.ffmpeg, ffmpegOptions: OPTIONS };
    try {
      (site.muxer as unknown as (this: typeof made, given: typeof options) => void).call(made, options);
    } catch (error) {
      setImmediate(() => this.#end('crashed', error instanceof Error ? error.message : String(error)));
    }
    const child = made.stream;
    this.#child = child;
    child?.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      this.#end(code === 'ENOENT' ? 'missing' : 'crashed', message),
    );
    // The muxer's own listener prints on our standard error.
    child?.removeAllListeners('exit');
    child?.once('close', (code) => this.#end(code === 0 ? 'ended' : 'crashed', this.#words));
    made.on('mpeg1data', (bytes: Buffer) => this.#hasEnded || site.onData(bytes));
    made.on('ffmpegStderr', (bytes: Buffer) => (this.#words = lastLine(this.#words + bytes.toString())));
  }

  /** Nothing is to be saved, and ffmpeg may wait for a stream that says nothing: it is not asked. */
  stop(): void {
    this.#hasEnded = true;
    this.#child?.kill('SIGKILL');
  }

  #end(end: RunEnd, words: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#site.onEnd(end, words);
  }
}

/** Names and passwords in URLs are left out. */
function lastLine(text: string): string {
  const last = text.trim().split('\n').at(-1) ?? '';
  return last.replace(/\/\/[^\s/@]*@/g, '//').slice(-WORDS_MAX);
}
