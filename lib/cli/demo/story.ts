// How the demonstration looks: a line of JSON for each event with --json, else text for a stranger's eyes, in colours
// where standard output is a terminal that wants them. It prints what it is told and measures nothing.
import type { DemoEvent, Verdict } from './demo-event.js';
import type { SceneResult, Seen } from './scene.js';
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
  return stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
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
          'Real SIP over TLS and real RTP between processes of this machine; nothing leaves 127.0.0.1.',
        ];
      case 'watch':
        return [`See it happen in a browser: ${event.url}`];
      case 'scene':
        return ['', ...this.#scene(event)];
      case 'met':
        return [
          this.#at('Alice and Bob meet in a room. Where each says to be, and what the server found:'),
          ...event.callers.flatMap((caller) => this.#caller(caller)),
        ];
      case 'spray':
        return [
          this.#at(
            `The impostor sprays all media ports: right payload type, ${SPRAYS[`${event.knowsNumbers}`][0]}`,
          ),
          INDENT + SPRAYS[`${event.knowsNumbers}`][1],
        ];
      case 'interim':
        return this.#interim(event.result);
      case 'rebinding':
        return [this.#at(`The NAT of ${title(event.name)} restarts: its old port is gone.`)];
      case 'rebound':
        return [INDENT + this.#rebound(event)];
      case 'result':
        return [];
      case 'table':
        return ['', ...this.#table(formatTable(event.columns))];
      case 'verdict':
        return this.#verdict(event.verdict);
      case 'join':
        return this.#join(event);
    }
  }

  #scene({ server, media, processes, scene }: EventOf<'scene'>): string[] {
    const [title, rule] = TITLES[scene];
    return [
      `${this.#paint('bold', title)}  ${rule}`,
      this.#at(
        `${processes} processes: a server (SIP over TLS on ${server}), Alice, Bob, a NAT for each, and`,
      ),
      `${INDENT}an impostor, who knows the media ports (${media}) and knocks before Bob speaks.`,
    ];
  }

  #caller({ name, signalled, mapping, nat, ground, isImpostor }: Seen): string[] {
    const who = `${INDENT}${title(name).padEnd(6)} says ${signalled.padEnd(16)}`;
    if (mapping === undefined) return [`${who} ${this.#paint('red', 'nothing: nowhere to send to')}`];
    if (isImpostor) return [`${who} latched ${mapping}  ${this.#paint('red', 'which is the impostor')}`];
    if (ground !== undefined)
      return [`${who} heard ${mapping}   ${this.#paint('dim', GROUNDS[ground] ?? ground)}`];
    if (nat === undefined) return [`${who} latched ${mapping}`];
    const change = nat === 'both' ? 'the NAT changed address and port' : `the NAT changed: ${nat}`;
    return [`${who} proved ${mapping}  ${this.#paint('dim', change)}`];
  }

  #interim({ sent, stolen, stolenFrom, injected, challenges }: SceneResult): string[] {
    const whose = stolenFrom.length === 0 ? '' : ` (what ${stolenFrom.map(title).join(' and ')} said)`;
    const asked = `${INDENT}The server asked it ${challenges} times to prove itself; it never could.`;
    return [
      this.#at(
        `After ${formatCount(sent)} packets of the impostor's: ${this.#count(stolen, 'stolen')}${whose}, `,
      ) + `${this.#count(injected, 'injected')}.`,
      ...(challenges === 0 ? [] : [asked]),
    ];
  }

  #rebound({ name, before, after, backMs }: EventOf<'rebound'>): string {
    if (backMs === undefined)
      return this.#paint('red', `${title(name)} hears nothing any more: the call is lost.`);
    const change = after === undefined ? '' : `${before} became ${after}; `;
    return this.#paint('green', `The call goes on: ${change}media was back in ${formatMs(backMs)}.`);
  }

  #table([heading = '', ...rows]: readonly string[]): string[] {
    return [this.#paint('bold', heading), ...rows, ''];
  }

  #verdict({ isPassed, findings }: Verdict): string[] {
    if (!isPassed) return findings.map((finding) => this.#paint('red', `FAILED: ${finding}.`));
    return findings.map((finding) => this.#paint('green', `Measured: ${finding}.`));
  }

  #join({ command, lines }: EventOf<'join'>): string[] {
    const [call, trust] = [`    ${command[0]}`, command[1]];
    const isShort = call.length + 1 + trust.length <= WIDTH;
    return [
      '',
      this.#paint('bold', 'To have this in a server that speaks SIP:'),
      '',
      ...lines,
      '',
      this.#paint('bold', 'To join this meeting, in a second terminal:'),
      '',
      ...(isShort ? [`${call} ${trust}`] : [`${call} \\`, `      ${trust}`]),
      '',
      'Alice and Bob talk on until Ctrl-C.',
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

type EventOf<E extends DemoEvent['event']> = Extract<DemoEvent, { readonly event: E }>;

const WIDTH = 100;
const INDENT = ' '.repeat(9);
/** By whether it knows the numbers. */
const SPRAYS = {
  true: ['right SSRCs, next sequence', 'numbers, bare headers, odd ports.'],
  false: [
    'bare headers, odd ports.',
    'SSRCs and sequence numbers it does not know: they are read on the path of the call only.',
  ],
} as const;
/** In words, what told where a phone without a key is. */
const GROUNDS: Readonly<Record<string, string>> = {
  ssrc: 'it has the SSRC of its SDP',
  sdp: 'it sends from the address of its SDP',
  home: 'it sends from where its SIP comes from',
  question: 'asked over SIP, it moved to a new port',
};
const TITLES = {
  latched: ['LATCHED', 'media goes only to an address that has proved, with a key from the SDP, whose it is'],
  evidence: [
    'EVIDENCE',
    'phones that hold no key: media goes to whoever moves to a port named over SIP just then',
  ],
  blind: ['BLIND', 'the same phones, and nothing is asked: media goes to whoever sends first'],
} as const;

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
