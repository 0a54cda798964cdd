// A SIP server that has neither latch nor ICE nor SRTP, and goes by evidence (protocol.md 8.3): an echo for phones that bring no key.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey } from '../../lib/index.js';
import type { LatchEvent, MediaPort, Session } from '../../lib/index.js';
import type { SipRequest } from '../../lib/sip/index.js';
import { stripLatch } from '../../lib/wire/index.js';
import { PlainServer } from './plain-server.js';

const LOOPBACK = '127.0.0.1';
const KEYS = /^a=(?:ice-[a-z]+|candidate|end-of-candidates|crypto)(?::.*)?\r?\n/gm;

export class EvidenceServer {
  readonly events: LatchEvent[] = [];
  readonly #latchkey = createLatchkey();
  readonly #sockets: Socket[] = [];
  #session: Session | undefined;
  #version = 1;

  /** @param asks it puts the port question, where the core wants that */
  static async start(asks: boolean): Promise<EvidenceServer> {
    return new EvidenceServer(await PlainServer.start(), asks);
  }

  private constructor(
    readonly plain: PlainServer,
    private readonly asks: boolean,
  ) {
    plain.onInvite = (invite) => void this.#answer(invite);
    plain.onAck = () => this.#session?.confirm();
  }

  close(): void {
    this.plain.close();
    this.#latchkey.close();
    for (const socket of this.#sockets) socket.close();
  }

  async #answer(invite: SipRequest): Promise<void> {
    const socket = await this.#open();
    this.#session?.close();
    const session = (this.#session = this.#latchkey.createSession({ signalling: 'loopback' }));
    session.on('event', (event) => this.events.push(event));
    session.on('question', ({ media }) => void this.#ask(session, media));
    session.peer({ address: LOOPBACK, transport: 'udp' });
    session.setRemote(withoutKeys(invite.content ?? ''), 'offer');
    const port: MediaPort = session.bind(socket);
    port.on('packet', (bytes) => port.send(bytes));
    this.plain.answerWith(invite, session.setLocal(this.#sdp(socket), 'answer'));
  }

  async #ask(session: Session, media: number): Promise<void> {
    if (!this.asks) return session.asked('refused', media);
    const socket = await this.#open();
    session.listen(media, { rtp: socket });
    const offer = withoutKeys(session.setLocal(this.#sdp(socket), 'offer'));
    const { content } = await this.plain.request('INVITE', offer);
    if (session.isClosed) return;
    session.setRemote(content, 'answer');
    session.asked('answered', media);
  }

  async #open(): Promise<Socket> {
    const socket = createSocket('udp4').bind(0, LOOPBACK);
    this.#sockets.push(socket);
    await once(socket, 'listening');
    return socket;
  }

  #sdp(socket: Socket): string {
    const head = [
      'v=0',
      `o=- 1 ${this.#version++} IN IP4 ${LOOPBACK}`,
      's=-',
      `c=IN IP4 ${LOOPBACK}`,
      't=0 0',
    ];
    return [...head, `m=audio ${socket.address().port} RTP/AVP 0`, 'a=rtcp-mux', ''].join('\r\n');
  }
}

function withoutKeys(sdp: string): string {
  return stripLatch(sdp).replace(KEYS, '');
}
