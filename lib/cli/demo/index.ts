// `latchkey demo`, what `npm start` shows: the same attack on a latched call, on one of phones without a key, and on a
// blindly latched one, in separate processes, on 127.0.0.1 only. What it prints is measured; it fails where the measurement does not bear it out.
import { relative, sep } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { Failure } from '../../phone/failure.js';
import { Demo } from './demo.js';
import { openBrowser } from './browser.js';
import { besides } from './part.js';
import { ROOM } from './scene.js';
import type { Scene } from './scene.js';
import { Story, wantsColours } from './story.js';
import { readServerLines } from './server-lines.js';

interface Options {
  readonly durationMs: number | undefined;
  readonly isJson: boolean;
  readonly pace: number;
  readonly opensBrowser: boolean;
}

/** Node's timers take 31 bits of milliseconds. */
const DURATION_MAX_S = Math.floor((2 ** 31 - 1) / 1000);

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'see a latched call, one of phones without a key and a blindly latched one under attack, on this machine only',
    )
    .option('--duration <s>', 'end by itself after so many seconds; exit code 1 if anything was stolen')
    .option('--json', 'print one JSON object a line')
    .option('--browser', 'open the page that shows the latched call')
    .addOption(new Option('--pace <factor>', 'shorten the script, for tests').hideHelp())
    .action((flags: Record<string, unknown>) => play(readOptions(flags)));
}

function readOptions({ duration, json, browser, pace = '1' }: Record<string, unknown>): Options {
  const seconds = duration === undefined ? undefined : Number(duration);
  if (seconds !== undefined && !(seconds > 0 && seconds <= DURATION_MAX_S))
    throw new Failure(`--duration: expects seconds, above 0 and up to ${DURATION_MAX_S}`);
  const factor = Number(pace);
  if (!(factor > 0 && factor <= 1)) throw new Failure('--pace: expects a number above 0 and up to 1');
  const opensBrowser = browser === true;
  return { durationMs: seconds && seconds * 1000, isJson: json === true, pace: factor, opensBrowser };
}

async function play({ durationMs, isJson, pace, opensBrowser }: Options): Promise<void> {
  const stopper = new AbortController();
  const stop = (): void => stopper.abort();
  let isInterrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      isInterrupted = true;
      stop();
    });
  process.stdout.once('error', stop);
  const isColoured = wantsColours(process.stdout, process.env);
  const write = (text: string): void => void process.stdout.write(text);
  const story = new Story({ isJson, isColoured, write });
  const onWatchable = (url: string): void => void (opensBrowser && openBrowser(url));
  const serverLines = readServerLines();
  const demo = new Demo({ story, pace, stop: stopper.signal, joinCommand, serverLines, onWatchable });
  try {
    await demo.prepare();
    if (durationMs !== undefined) setTimeout(stop, durationMs);
    const isComplete = await demo.play();
    // Ctrl-C in the middle asks for no verdict.
    if (!isComplete && isInterrupted) {
      process.exitCode = EXIT_INTERRUPTED;
      return;
    }
    process.exitCode = demo.conclude() ? 0 : 1;
    await demo.stayUp();
  } catch (error) {
    // Ctrl-C reaches every process of the terminal: while they start, it ends them under us.
    if (!isInterrupted) throw error;
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    await demo.end();
  }
}

/** As shells have it for SIGINT. */
const EXIT_INTERRUPTED = 130;

/** As it works in the directory where this was started: installed by npx, in a clone by path. */
function joinCommand({ server }: Scene): readonly [string, string] {
  const main = relative(process.cwd(), besides('../main'));
  const program = main.split(sep).includes('node_modules') ? 'npx latchkey' : `node ${main}`;
  const uri = `sip:${ROOM}@${server.address}:${server.port};transport=tls`;
  return [`${program} call "${uri}"`, `--ca ${server.certificate}`];
}
