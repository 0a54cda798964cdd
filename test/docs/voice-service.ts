// The service on the other side of the voice agents of docs/examples: it repeats what it hears after 300 ms, or talks by itself until
// the caller speaks. It knows of a caller only what the WebSocket brings.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

export const ECHO_MS = 300;
const SAMPLES_PER_MS = 8;
const SPEECH_MS = 10_000;
const LOUDNESS = 2000;

export interface VoiceServiceOptions {
  /** Says ten seconds at once, in the pieces that a network makes of them, and takes them back when it hears the caller. */
  readonly isTalkative?: boolean;
  /** How long it takes to let somebody in. */
  readonly slowMs?: number;
}

export class VoiceService {
  /** Of PCM that came: how many bytes each had. */
  readonly sizes = new Map<number, number>();
  readonly digits: string[] = [];
  /** How often it took back what it had said. */
  cleared = 0;
  readonly #server: WebSocketServer;
  readonly #isTalkative: boolean;

  private constructor(server: WebSocketServer, isTalkative: boolean) {
    this.#server = server;
    this.#isTalkative = isTalkative;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async start({ isTalkative = false, slowMs = 0 }: VoiceServiceOptions = {}) {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      verifyClient: (_client, letIn) => setTimeout(() => letIn(true), slowMs),
    });
    await once(server, 'listening');
    return new VoiceService(server, isTalkative);
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `ws://${address}:${port}`;
  }

  get clients(): number {
    return this.#server.clients.size;
  }

  /** Ends all conversations, and takes no more. */
  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #serve(socket: WebSocket): void {
    if (this.#isTalkative) for (const piece of speech()) socket.send(piece);
    let isSpeaking = this.#isTalkative;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        const { event, digit } = JSON.parse(data.toString()) as { event: string; digit: string };
        if (event === 'dtmf') this.digits.push(digit);
        return;
      }
      this.sizes.set(data.length, (this.sizes.get(data.length) ?? 0) + 1);
      if (!this.#isTalkative) setTimeout(() => socket.send(data), ECHO_MS);
      else if (isSpeaking && loudness(data) > LOUDNESS) {
        isSpeaking = false;
        this.cleared++;
        socket.send(JSON.stringify({ event: 'clear' }));
      }
    });
  }
}

/** A tone, in pieces of no particular length. */
function speech(): Buffer[] {
  const samples = Buffer.alloc(2 * SPEECH_MS * SAMPLES_PER_MS);
  for (let i = 0; i < samples.length / 2; i++)
    samples.writeInt16LE(Math.round(8000 * Math.sin((i * 440 * 2 * Math.PI) / 8000)), 2 * i);
  const pieces: Buffer[] = [];
  for (let at = 0; at < samples.length; at += 3334) pieces.push(samples.subarray(at, at + 3334));
  return pieces;
}

function loudness(pcm: Buffer): number {
  let peak = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) peak = Math.max(peak, Math.abs(pcm.readInt16LE(at)));
  return peak;
}
