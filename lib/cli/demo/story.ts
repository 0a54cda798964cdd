// How the demonstration looks: a line of JSON for each event with --json, else text for a stranger's eyes, in colours
// where standard output is a terminal that wants them. It prints what it is told and measures nothing.
import type { DemoEvent } from './demo-event.js';
import type { Seen } from './scene.js';
import { formatCount, formatMs, formatTable } from './table.js';

/** SGR codes (ECMA-48). */
const STYLES = { bold: 1, red: 31, green: 32, dim: 2 } as const;
type Style = keyof typeof STYLES;

export interface StoryOptions {
  readonly isJson: boolean;
  readonly isColoured: boolean;
  readonly write: (text: string) => void;
}

/** By https://no-color.org: the variable counts when it is set and not empty. */
export function wantsColours(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): boolean {
  return stream.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}

export class Story {
  readonly #options: StoryOptions;
  #startMs: number | undefined;

  constructor(options: StoryOptions) {
    this.#options = options;
  }

  tell(event: DemoEvent): void {
    const { isJson, write } = this.#options;
    if (isJson) write(`${JSON.stringify(event)}\n`);
    else
      write(
        this.#lines(event)
          .map((line) => `${line}\n`)
          .join(''),
      );
  }

  #lines(event: DemoEvent): string[] {
    switch (event.event) {
      case 'ready':
        this.#startMs = performance.now();
        return [
          this.#paint(
            'bold',
            'latchkey: media goes through the NAT to whoever holds the key, and to nobody else',
          ),
          `Real SIP over TLS and real UDP between processes of this machine, on 127.0.0.1 only.`,
        ];
      case 'scene':
        return ['', this.#paint('bold', TITLES[event.scene]), ...this.#stage(event)];
      case 'met':
        return [
          this.#at('Two callers behind NATs meet in a room. What each says, and what the server sees:'),
          ...event.callers.flatMap((caller) => this.#caller(caller)),
        ];
      case 'spray':
        return [
          this.#at(`The impostor sprays ${event.media} with the right payload type,`),
          INDENT + 'and with the SSRC and the next sequence numbers of each caller.',
        ];
      case 'interim': {
        const { sent, stolen, injected, challenges } = event.result;
        const asked =
          challenges === 0 ? [] : [`${INDENT}Asked ${challenges} times to prove itself, it never could.`];
        return [
          this.#at(`${formatCount(sent)} packets later: `) +
            this.#count(stolen, 'stolen') +
            ', ' +
            this.#count(injected, 'injected') +
            '.',
          ...asked,
        ];
      }
      case 'rebinding':
        return [this.#at(`The NAT of ${event.name} restarts: its old port is gone.`)];
      case 'rebound': {
        if (event.backMs === undefined)
          return [INDENT + this.#paint('red', `${event.name} hears nothing any more: the call is lost.`)];
        const after = event.after === undefined ? '' : ` ${event.before} became ${event.after};`;
        return [
          INDENT +
            this.#paint('green', `The call goes on:${after} media was back in ${formatMs(event.backMs)}.`),
        ];
      }
      case 'result':
        return [];
      case 'table':
        return ['', ...this.#table(formatTable(event.columns))];
      case 'verdict':
        return event.verdict.findings.map((finding) => this.#paint('red', `FAILED: ${finding}`));
      case 'join':
        return this.#join(event);
    }
  }

  #stage({ server, media, processes, scene }: DemoEvent & { event: 'scene' }): string[] {
    const speech =
      scene === 'latched' ? 'both callers hold a key from the SDP' : 'the callers are ordinary phones';
    return [this.#at(`${processes} processes: server ${server}, media ports ${media}; ${speech}.`)];
  }

  #caller({ name, signalled, mapping, nat, isImpostor }: Seen): string[] {
    const who = `${INDENT}${name.padEnd(6)} says ${signalled.padEnd(16)}`;
    if (mapping === undefined) return [`${who} ${this.#paint('red', 'the server sends nowhere')}`];
    if (isImpostor) return [`${who} latched ${mapping}  ${this.#paint('red', 'that is the impostor')}`];
    if (nat === undefined) return [`${who} latched ${mapping}`];
    const change = nat === 'both' ? 'its NAT changed address and port' : `its NAT changed: ${nat}`;
    return [`${who} proved  ${mapping}  ${this.#paint('dim', change)}`];
  }

  #table([heading = '', ...rows]: readonly string[]): string[] {
    return [this.#paint('bold', heading), ...rows, ''];
  }

  #join({ command, lines }: DemoEvent & { event: 'join' }): string[] {
    return [
      this.#paint('bold', 'To have this in a server that speaks SIP already:'),
      '',
      ...lines.map((line) => `    ${line}`),
      '',
      this.#paint('bold', 'To join this meeting, from a second terminal:'),
      '',
      `    ${command}`,
      '',
      'The callers talk on until Ctrl-C.',
    ];
  }

  #count(count: number, what: string): string {
    return this.#paint(count === 0 ? 'green' : 'red', `${formatCount(count)} ${what}`);
  }

  /** A line with the time since the first scene before it. */
  #at(text: string): string {
    const seconds = (performance.now() - (this.#startMs ?? performance.now())) / 1000;
    return `${seconds.toFixed(1).padStart(5)} s  ${text}`;
  }

  #paint(style: Style, text: string): string {
    return this.#options.isColoured ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }
}

const INDENT = ' '.repeat(9);
const TITLES = {
  latched: 'LATCHED: media only to addresses that proved, with the key, whose they are',
  blind: 'BLIND: the same scene, but the server latches to the first who sends (--policy legacy)',
} as const;
