// A stand-in for a SIP proxy with WebSockets between a user agent that registers and one caller: it answers the REGISTER, and hands all
// else on as it came. What a real one does is for real ones: test/clients.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

export class WebSocketJoint {
  readonly #server: WebSocketServer;
  #registered: WebSocket | undefined;
  #caller: WebSocket | undefined;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => this.#onMessage(socket, data.toString()));
    });
  }

  static async start(): Promise<WebSocketJoint> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new WebSocketJoint(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #onMessage(from: WebSocket, text: string): void {
    if (text.startsWith('REGISTER ')) {
      this.#registered = from;
      from.send(answerTo(text));
      return;
    }
    if (from !== this.#registered) this.#caller = from;
    (from === this.#registered ? this.#caller : this.#registered)?.send(text);
  }
}

/** Every field that a response copies, and the contact that is kept. */
function answerTo(register: string): string {
  const copied = register
    .split('\r\n')
    .filter((line) => /^(?:via|from|to|call-id|cseq|contact):/i.test(line))
    .map((line) => (/^to:/i.test(line) ? `${line};tag=joint` : line));
  return ['SIP/2.0 200 OK', ...copied, 'Expires: 600', 'Content-Length: 0', '', ''].join('\r\n');
}
