// A player that speaks RTSP by hand over a socket, for what real ones would not say.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RTSP_LIMITS, RtspFramer } from '../../lib/rtsp/index.js';
import type { RtspMessage } from '../../lib/rtsp/index.js';

export interface Answer {
  readonly status: number;
  readonly headers: RtspMessage['fields'];
  readonly body: string;
}

export class RtspTalker {
  readonly frames: { readonly channel: number; readonly packet: Buffer }[] = [];
  readonly #answers: Answer[] = [];
  readonly #wanted: ((answer: Answer) => void)[] = [];
  #cseq = 0;

  private constructor(readonly socket: Socket) {
    const framer = new RtspFramer(RTSP_LIMITS, {
      onVerdict: (verdict) => {
        if (!verdict.ok || verdict.message.start.kind !== 'response') throw new Error('no answer');
        const { start, fields: headers, body } = verdict.message;
        const answer = { status: start.status, headers, body };
        const wanted = this.#wanted.shift();
        if (wanted) wanted(answer);
        else this.#answers.push(answer);
      },
      onFrame: (channel, packet) => this.frames.push({ channel, packet: Buffer.from(packet) }),
      onBroken: ({ reason }) => {
        throw new Error(reason);
      },
    });
    socket.on('data', (data: Buffer) => framer.push(data)).on('error', () => undefined);
  }

  static async open(port: number, isSecure = false, host = '127.0.0.1'): Promise<RtspTalker> {
    const socket = isSecure ? connectTls({ port, host, rejectUnauthorized: false }) : connect(port, host);
    await once(socket, isSecure ? 'secureConnect' : 'connect');
    return new RtspTalker(socket);
  }

  async ask(method: string, uri: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
    const fields = {
      CSeq: String(++this.#cseq),
      ...headers,
      ...(body && { 'Content-Length': String(body.length) }),
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${uri} RTSP/1.0\r\n${lines.join('')}\r\n${body}`, 'latin1');
    return this.next();
  }

  /** The next answer. */
  next(): Promise<Answer> {
    const [answer] = this.#answers.splice(0, 1);
    return answer ? Promise.resolve(answer) : new Promise((resolve) => this.#wanted.push(resolve));
  }

  send(channel: number, packet: Uint8Array): void {
    this.socket.write(
      Buffer.concat([Uint8Array.of(0x24, channel, packet.length >> 8, packet.length & 255), packet]),
    );
  }

  close(): void {
    this.socket.destroy();
  }
}

export const sessionOf = ({ headers }: Answer): string => headers.get('session')?.[0]?.split(';')[0] ?? '';
export const controlsOf = ({ body }: Answer): string[] =>
  [...body.matchAll(/^a=control:(stream=\S+)/gm)].map(([, control = '']) => control);
