// Ports for the port question in the tests of plugins: bound sockets that are counted, and a session that writes down what it is told. The core
// asks by events; here the test does.
import dgram from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import type { QuestionOutcome, Session } from '../../lib/index.js';
import type { LentPorts } from '../../lib/sip/index.js';

/** Where a description says that RTP is taken. */
export function portTold(sdp: string): number {
  return Number(/^m=audio (\d+)/m.exec(sdp)?.[1]);
}

export class PortLender {
  readonly lent: number[] = [];
  readonly released: number[] = [];
  isEmpty = false;
  /** What is waited for before one is lent. */
  gate: Promise<unknown> = Promise.resolve();

  readonly ports = async (): Promise<LentPorts | undefined> => {
    await this.gate;
    if (this.isEmpty) return undefined;
    const pair = await Promise.all([0, 1].map(() => bound()));
    const [rtp, rtcp] = pair as [dgram.Socket, dgram.Socket];
    const { port } = rtp.address();
    this.lent.push(port);
    const release = () => {
      this.released.push(port);
      for (const socket of pair) socket.close();
    };
    return { rtp, rtcp, release };
  };
}

async function bound(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A session of a plugin's that is asked by the test. */
export class AskedSession {
  readonly outcomes: QuestionOutcome[] = [];
  readonly listened: number[] = [];
  /** What was given to the session as ours, and as theirs. */
  readonly locals: string[] = [];
  readonly remotes: string[] = [];
  rollbacks = 0;
  readonly #heard = new EventEmitter();

  constructor(readonly session: Session) {
    session.listen = (_media, { rtp }) => {
      this.listened.push((rtp as dgram.Socket).address().port);
    };
    session.asked = (outcome, media) => {
      if (media === undefined) return;
      this.outcomes.push(outcome);
      this.#heard.emit('told');
    };
    const setLocal = session.setLocal.bind(session);
    const setRemote = session.setRemote.bind(session);
    const rollback = session.rollback.bind(session);
    session.setLocal = (sdp, type) => {
      this.locals.push(sdp);
      return setLocal(sdp, type);
    };
    session.setRemote = (sdp, type) => {
      this.remotes.push(String(sdp));
      return setRemote(sdp, type);
    };
    session.rollback = () => {
      this.rollbacks++;
      rollback();
    };
  }

  /** The session asks; fulfilled with the next that it is told. */
  async ask(): Promise<QuestionOutcome> {
    this.emitQuestion();
    return this.told();
  }

  emitQuestion(): void {
    (this.session as unknown as EventEmitter).emit('question', { type: 'question', media: 0, component: 1 });
  }

  async told(): Promise<QuestionOutcome> {
    await once(this.#heard, 'told');
    return this.outcomes.at(-1)!;
  }

  /** The peer has moved: the answer to its next offer is to tell another port. */
  wantPort(): void {
    Object.defineProperty(this.session, 'portsWanted', { value: [0], configurable: true });
  }

  release(port: number): void {
    (this.session as unknown as EventEmitter).emit('released', {
      ...{ type: 'released', media: 0, component: 1 },
      local: { address: '127.0.0.1', port },
    });
  }

  get asksNobody(): boolean {
    return this.session.listenerCount('question') === 0;
  }
}
