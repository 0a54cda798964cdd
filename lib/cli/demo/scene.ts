// One scene: a server, two callers behind NATs, an impostor, each a process; what they do, and what was measured. The
// scenes differ in the server's policy, in what the callers and the impostor know, and in how many media ports there
// are; in nothing else.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Policy } from '../../index.js';
import type { CallerQuestions } from './caller-part.js';
import { nowMs } from './clock.js';
import type { ImpostorQuestions } from './impostor-part.js';
import type { NatQuestions } from './nat-part.js';
import type { NatBehaviour } from './nat.js';
import { packageFile } from './package-file.js';
import { Part } from './part.js';
import { findMediaRange, Server } from './server.js';

export type SceneName = 'latched' | 'evidence' | 'blind';

/** How a scene is set up. */
interface Setting {
  readonly policy: Policy;
  /** The callers hold keys; else they are phones as most are. */
  readonly speaksLatch: boolean;
  /** An RTP and an RTCP port for each call. */
  readonly mediaPorts: number;
  /** The impostor has the SSRCs and the next sequence numbers, which are read on the callers' path and nowhere else. */
  readonly knowsNumbers: boolean;
  /** The server's first words of where a caller is. */
  readonly found: readonly string[];
}

const SETTINGS: Readonly<Record<SceneName, Setting>> = {
  latched: {
    policy: 'require',
    speaksLatch: true,
    mediaPorts: 32,
    knowsNumbers: true,
    found: ['verified', 'direct'],
  },
  // Without a key a caller is known by its numbers too: an impostor who has them is on the path of the call, which is what only a key holds
  // off. The range is large enough for idle ports to listen (protocol.md 8.3.2).
  evidence: { policy: 'prefer', speaksLatch: false, mediaPorts: 200, knowsNumbers: false, found: ['locked'] },
  blind: { policy: 'blind', speaksLatch: false, mediaPorts: 32, knowsNumbers: true, found: ['legacy'] },
};

export const ROOM = 'demo';
/** Bob opens his microphone this long after his call was answered; whoever has his port by then, has it. */
const MICROPHONE_MS = 300;
const KNOCK_INTERVAL_MS = 20;
const SPRAY_INTERVAL_MS = 10;
const SETTLED_MS = 3000;
const POLL_MS = 10;

/** A caller as the server sees it. */
export interface Seen {
  readonly name: string;
  /** The address in its SDP. */
  readonly signalled: string;
  /** Where the server sends its media: what it has proved, or what was latched to. Undefined: nowhere. */
  readonly mapping: string | undefined;
  /** What the NAT changed, by the server's word; undefined where nothing was proved. */
  readonly nat: string | undefined;
  /** What told the server of a caller without a key; undefined where nothing did. */
  readonly ground: string | undefined;
  /** The server sends this caller's media to the impostor. */
  readonly isImpostor: boolean;
}

export interface Rebinding {
  readonly name: string;
  readonly before: string;
  /** The new mapping that the server sends to; undefined: it sends to none. */
  readonly after: string | undefined;
  /** From the loss of the old mapping to the first speech heard through a new one; undefined: none came. */
  readonly backMs: number | undefined;
}

export interface SceneResult {
  readonly scene: SceneName;
  /** The callers are phones with a key. */
  readonly hasKeys: boolean;
  /** The impostor has the SSRCs and the sequence numbers of both. */
  readonly knowsNumbers: boolean;
  /** For how long was measured. */
  readonly seconds: number;
  /** What the impostor sent. */
  readonly sent: number;
  /** Datagrams of the call on the impostor's own socket. */
  readonly stolen: number;
  /** Whose speech is among them. */
  readonly stolenFrom: readonly string[];
  /** Packets heard by the callers that the other caller never said. */
  readonly injected: number;
  readonly longestSilenceMs: number;
  /** How often the server asked the impostor to prove itself. */
  readonly challenges: number;
  /** What the NATs dropped because it was for an address beyond them. */
  readonly unroutable: number;
}

interface Caller {
  readonly name: string;
  readonly privateAddress: string;
  readonly part: Part<CallerQuestions>;
  readonly nat: Part<NatQuestions>;
  readonly insidePort: number;
  ssrc: number;
  call: string;
}

/** Alice's NAT is a home router's; Bob's is the kind that needs most help. */
const BEHAVIOURS: readonly NatBehaviour[] = [
  { mapping: 'endpoint-independent', filtering: 'endpoint' },
  { mapping: 'symmetric', filtering: 'endpoint' },
];

export class Scene {
  #startedMs = Infinity;

  /** Starts all processes of a scene, at once. Throws a Failure; what was started is ended then. */
  static async prepare(name: SceneName): Promise<Scene> {
    const { policy, mediaPorts } = SETTINGS[name];
    const range = await findMediaRange(mediaPorts);
    const parts: Part<never>[] = [];
    const start = <P>(part: P): P => {
      parts.push(part as Part<never>);
      return part;
    };
    const serving = Server.start(range, policy, name === 'latched');
    try {
      const impostor = start(new Part<ImpostorQuestions>('the impostor', 'impostor-part'));
      const callers = ['alice', 'bob'].map(async (caller, i): Promise<Caller> => {
        const part = start(new Part<CallerQuestions>(caller, 'caller-part'));
        const nat = start(new Part<NatQuestions>(`the NAT of ${caller}`, 'nat-part'));
        const { insidePort } = await nat.ask('open', BEHAVIOURS[i] as NatBehaviour);
        const privateAddress = `10.0.${i + 1}.2`;
        return { name: caller, privateAddress, part, nat, insidePort, ssrc: 0, call: '' };
      });
      // Awaited together: whichever fails first, the failures of the others have somebody to go to.
      const [server, { port }, [alice, bob]] = await Promise.all([
        serving,
        impostor.ask('open', range),
        Promise.all(callers),
      ]);
      if (!alice || !bob) throw new Error('a scene has two callers');
      return new Scene(name, server, { part: impostor, port }, [alice, bob], parts);
    } catch (error) {
      await Promise.allSettled([...parts.map((part) => part.end()), serving.then((server) => server.end())]);
      throw error;
    }
  }

  private constructor(
    readonly name: SceneName,
    readonly server: Server,
    private readonly impostor: { readonly part: Part<ImpostorQuestions>; readonly port: number },
    private readonly callers: readonly [Caller, Caller],
    private readonly parts: readonly Part<never>[],
  ) {}

  /** Since both callers are in the call and what is heard counts; negative before. */
  get playedMs(): number {
    return nowMs() - this.#startedMs;
  }

  /** Whose NAT rebinds. */
  get movedCaller(): string {
    return this.callers[0].name;
  }

  /** The impostor has the SSRCs and the sequence numbers of both. */
  get knowsNumbers(): boolean {
    return SETTINGS[this.name].knowsNumbers;
  }

  get processCount(): number {
    return this.parts.length + 1;
  }

  /** Alice calls and speaks. The impostor begins. Bob calls, and speaks when his microphone is open. */
  async meet(): Promise<readonly Seen[]> {
    const [alice, bob] = this.callers;
    await this.#dial(alice);
    await alice.part.ask('speak');
    await this.#settled(alice);
    await this.impostor.part.ask('spray', { intervalMs: KNOCK_INTERVAL_MS });
    await bob.part.ask('expect', alice.ssrc);
    await this.#dial(bob);
    await alice.part.ask('expect', bob.ssrc);
    await sleep(MICROPHONE_MS);
    await bob.part.ask('speak');
    this.#startedMs = nowMs();
    for (const { part } of this.callers) await part.ask('measureFrom', this.#startedMs);
    return Promise.all(this.callers.map((caller) => this.#seen(caller)));
  }

  /** The impostor goes on with all it has: the payload type, and where it knows them the SSRCs and the sequence numbers of both. */
  async spray(): Promise<void> {
    if (!this.knowsNumbers) {
      await this.impostor.part.ask('spray', { intervalMs: SPRAY_INTERVAL_MS });
      return;
    }
    const [alice, bob] = this.callers;
    const [fromBob, fromAlice] = await Promise.all([alice.part.ask('report'), bob.part.ask('report')]);
    const voices = [
      { ssrc: alice.ssrc, sequence: fromAlice.sequence },
      { ssrc: bob.ssrc, sequence: fromBob.sequence },
    ];
    await this.impostor.part.ask('spray', { intervalMs: SPRAY_INTERVAL_MS, voices });
  }

  /** Alice's NAT forgets its mappings. Resolves when she hears Bob again, or `patienceMs` later. */
  async rebind(patienceMs: number): Promise<Rebinding> {
    const [alice] = this.callers;
    const { atMs, before, epoch } = await alice.nat.ask('rebind');
    const heardMs = await this.#heardThrough(alice, epoch, atMs + patienceMs);
    const old = before.map(({ outsidePort }) => `127.0.0.1:${outsidePort}`);
    const rebound =
      heardMs === undefined
        ? undefined
        : await this.server.find(
            ({ event, call, mapping = '' }) =>
              event === 'rebound' && call === alice.call && !old.includes(mapping),
            SETTLED_MS,
          );
    return {
      name: alice.name,
      before: old[0] ?? '',
      after: rebound?.mapping,
      backMs: heardMs === undefined ? undefined : heardMs - atMs,
    };
  }

  /** When the other caller was first heard through a mapping of this epoch; undefined: not until `deadlineMs`. */
  async #heardThrough({ part }: Caller, epoch: number, deadlineMs: number): Promise<number | undefined> {
    for (;;) {
      const { firstHeardMs } = await part.ask('report');
      // What was never heard is null when it has crossed the border between processes.
      const heardMs = firstHeardMs[epoch] ?? undefined;
      if (heardMs !== undefined || nowMs() > deadlineMs) return heardMs;
      await sleep(POLL_MS);
    }
  }

  /** What was measured since both were in the call. */
  async measure(): Promise<SceneResult> {
    const seconds = this.playedMs / 1000;
    const [impostor, ...heard] = await Promise.all([
      this.impostor.part.ask('report'),
      ...this.callers.map(({ part }) => part.ask('report')),
    ]);
    const nats = await Promise.all(this.callers.map(({ nat }) => nat.ask('report')));
    const { sent, stolen, challenges, speech } = impostor;
    return {
      scene: this.name,
      hasKeys: SETTINGS[this.name].speaksLatch,
      knowsNumbers: this.knowsNumbers,
      seconds,
      sent,
      stolen,
      stolenFrom: this.callers.filter(({ ssrc }) => speech[ssrc] !== undefined).map(({ name }) => name),
      injected: heard.reduce((sum, { injected }) => sum + injected, 0),
      longestSilenceMs: Math.max(...heard.map(({ longestSilenceMs }) => longestSilenceMs)),
      challenges,
      unroutable: nats.reduce((sum, { counters }) => sum + counters.unroutable, 0),
    };
  }

  /** The impostor goes home; the call goes on. */
  async dismissImpostor(): Promise<void> {
    await this.impostor.part.end();
  }

  /** Hangs up and ends all processes. */
  async end(): Promise<void> {
    // The server first: its page keeps how things stood, and shows nobody as gone who only leaves because all ends.
    const serverEnded = this.server.end();
    await Promise.allSettled(this.callers.map(({ part }) => part.ask('hangUp')));
    await Promise.allSettled([serverEnded, ...this.parts.map((part) => part.end())]);
  }

  async #dial(caller: Caller): Promise<void> {
    const { part, insidePort, privateAddress, name } = caller;
    const answer = await part.ask('dial', {
      name,
      uri: `sip:${ROOM}@${this.server.address}:${this.server.port};transport=tls`,
      ca: this.server.certificate,
      speech: packageFile(`fixtures/speech/${name}.pcap`),
      insidePort,
      privateAddress,
      speaksLatch: SETTINGS[this.name].speaksLatch,
    });
    caller.ssrc = answer.ssrc;
    caller.call = answer.call;
  }

  /** The server knows where to send this caller's media, as far as it can. */
  #settled({ call: wanted }: Caller) {
    const { found } = SETTINGS[this.name];
    return this.server.find(
      ({ event, call, component }) => found.includes(event) && call === wanted && component === 1,
      SETTLED_MS,
    );
  }

  async #seen(caller: Caller): Promise<Seen> {
    const { name, privateAddress } = caller;
    const settled = await this.#settled(caller);
    const { mappings } = await caller.nat.ask('report');
    const mapping = settled?.mapping ?? settled?.remote;
    return {
      name,
      signalled: settled?.signalled ?? `${privateAddress}:${mappings[0]?.insidePort}`,
      mapping,
      nat: settled?.nat,
      ground: settled?.ground,
      isImpostor: mapping === `127.0.0.1:${this.impostor.port}`,
    };
  }
}
