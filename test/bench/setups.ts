// Calls set up per second through the distribution server, by SIP over TLS, every call over a connection of its own: with a TLS session
// that is resumed, and without. The server is in a process of its own (setups-server.ts), the callers are in this one. A caller connects,
// offers media with latch, has the answer, acknowledges it, hangs up and closes.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { EngineRow } from './document.js';
import { PEERS_ADDRESS, SERVER_ADDRESS } from './load.js';
import { end } from './native-variant.js';
import type { SetupsTold } from './setups-server.js';
import { median, spreadOf } from './statistics.js';
import { SipCaller } from './sip-caller.js';

/** Under way at once. */
const CALLERS = 8;
const TURN_MS = 2000;

interface Turn {
  readonly perSecond: number;
  /** Of the server, for each call. */
  readonly cpuMs: number;
  readonly longestPauseMs: number;
}

/** @param onRow is told each at once */
export async function measureSetups(
  rounds: number,
  onRow: (row: EngineRow) => void,
): Promise<readonly EngineRow[]> {
  const rows: EngineRow[] = [];
  const row = (what: string, value: string, note: string): void => {
    rows.push({ what, value, note });
    onRow({ what, value, note });
  };
  const server = await SetupsServer.start();
  try {
    // The first calls compile what all others run.
    await server.turn(true);
    const turns = { resumed: [] as Turn[], whole: [] as Turn[] };
    for (let round = 0; round < rounds; round++) {
      // Whoever begins has the machine as the round before left it.
      const order = [round % 2 === 0, round % 2 !== 0];
      for (const isResumed of order)
        (isResumed ? turns.resumed : turns.whole).push(await server.turn(isResumed));
    }
    for (const [name, what] of [
      ['whole', 'whole handshakes'],
      ['resumed', 'sessions resumed'],
    ] as const) {
      const { perSecond, cpuMs, longestPauseMs } = middleOf(turns[name]);
      row(
        `calls set up by SIP over TLS, ${what}`,
        `${perSecond.toFixed(0)} a second`,
        `${cpuMs.toFixed(2)} ms of the server's CPU a call; longest pause of its event loop ${longestPauseMs.toFixed(0)} ms`,
      );
    }
    const ratio = spreadOf(turns.resumed.map((one, i) => one.cpuMs / (turns.whole[i]?.cpuMs ?? NaN)));
    row(
      '  CPU of a call, resumed to whole',
      ratio.median.toFixed(2),
      `${ratio.least.toFixed(2)} to ${ratio.most.toFixed(2)}, ${CALLERS} callers at once`,
    );
  } finally {
    await server.close();
  }
  return rows;
}

function middleOf(turns: readonly Turn[]): Turn {
  return {
    perSecond: median(turns.map(({ perSecond }) => perSecond)),
    cpuMs: median(turns.map(({ cpuMs }) => cpuMs)),
    longestPauseMs: Math.max(...turns.map(({ longestPauseMs }) => longestPauseMs)),
  };
}

class SetupsServer {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #cert: string;

  private constructor(child: ChildProcess, port: number, cert: string) {
    this.#child = child;
    this.#port = port;
    this.#cert = cert;
  }

  static async start(): Promise<SetupsServer> {
    const child = fork(new URL('./setups-server.ts', import.meta.url), { execArgv: ['--import=tsx'] });
    const told = await next(child);
    if (told.kind !== 'listening')
      throw new Error(told.kind === 'failed' ? told.why : 'the server does not listen');
    return new SetupsServer(child, told.port, told.cert);
  }

  async turn(isResumed: boolean): Promise<Turn> {
    const before = await this.#used();
    const startedMs = performance.now();
    const counts = await Promise.all(
      Array.from({ length: CALLERS }, () => this.#callUntil(startedMs + TURN_MS, isResumed)),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const after = await this.#used();
    const calls = counts.reduce((sum, count) => sum + count, 0);
    if (after.calls - before.calls !== calls) throw new Error('the server has counted other calls');
    return {
      perSecond: calls / seconds,
      cpuMs: (after.cpuMs - before.cpuMs) / calls,
      longestPauseMs: after.longestPauseMs,
    };
  }

  close(): Promise<void> {
    return end(this.#child);
  }

  /** One caller, call after call. */
  async #callUntil(untilMs: number, isResumed: boolean): Promise<number> {
    let session: Buffer | undefined;
    let count = 0;
    while (performance.now() < untilMs) {
      const socket = this.#connect(session);
      socket.on('session', (ticket: Buffer) => (session = isResumed ? ticket : undefined));
      await once(socket, 'secureConnect');
      // The first of a caller has nothing to resume.
      if (socket.isSessionReused() !== (isResumed && count > 0))
        throw new Error(isResumed ? 'the server does not resume' : 'it was resumed all the same');
      await new SipCaller(socket, randomBytes(6).toString('hex')).callAndHangUp();
      socket.destroy();
      count++;
    }
    return count;
  }

  #connect(session: Buffer | undefined): TLSSocket {
    return connect({
      ...{ host: SERVER_ADDRESS, port: this.#port, localAddress: PEERS_ADDRESS, ca: this.#cert },
      ...(session && { session }),
    });
  }

  async #used(): Promise<Extract<SetupsTold, { kind: 'used' }>> {
    this.#child.send('used');
    const told = await next(this.#child);
    if (told.kind !== 'used') throw new Error('the server does not say what it used');
    return told;
  }
}

async function next(child: ChildProcess): Promise<SetupsTold> {
  const over = new AbortController();
  const { signal } = over;
  const died = once(child, 'exit', { signal }).then(() => {
    throw new Error('the server has died');
  });
  // It is told by the race, or of no interest any more.
  died.catch(() => undefined);
  try {
    const [told] = (await Promise.race([once(child, 'message', { signal }), died])) as [SetupsTold];
    return told;
  } finally {
    over.abort();
  }
}
