// The server of docs/examples/sip-js-plain.ts with latchkey: media goes through NATs, follows who walks, and goes to nobody who has not
// proved that he is there. Run: `node --import=tsx docs/examples/sip-js.ts wss://HOST:PORT CA.PEM [sip:ROOM@HOST|''] [ADDRESS]`.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createLatchkey } from 'latchkey';
import { latchSessionDescriptionHandlerFactory } from 'latchkey/sip-js';
import { Inviter, Registerer, URI, UserAgent } from 'sip.js';
import type { BodyAndContentType, SessionDescriptionHandler } from 'sip.js';
import { WebSocket } from 'ws';

const [server = '', pem = '', target = '', address = '127.0.0.1'] = process.argv.slice(2);
const ca = readFileSync(pem);
const latchkey = createLatchkey();
latchkey.on('verified', ({ mapping }) => console.log('verified', mapping));
latchkey.on('rebound', ({ mapping }) => console.log('rebound', mapping));
const packet = Buffer.concat([Buffer.from('8000', 'hex'), randomBytes(10), Buffer.alloc(160, 0xff)]); // PCMU
const heard = new Set<number>();

/** Where an SDP wants its audio: a section's own address goes before that of all. */
function readTarget(sdp: string) {
  const [session = '', ...sections] = sdp.split(/^m=/m);
  const audio = sections.find((section) => section.startsWith('audio')) ?? '';
  const [, ip = ''] = [audio, session].flatMap((part) => /^c=IN IP4 (\S+)/m.exec(part) ?? []);
  return { ip, port: Number(/^audio (\d+)/.exec(audio)?.[1]) };
}

/** The audio of a call. */
class AudioHandler implements SessionDescriptionHandler {
  readonly socket = createSocket('udp4').bind(0, address);
  readonly #isListening = once(this.socket, 'listening');
  readonly #timer = setInterval(() => this.#talk(), 20);
  #peer = { ip: '', port: 0 };

  constructor() {
    this.socket.on('message', (bytes) => bytes[1] === 0 && heard.add(bytes.readUInt32BE(8)));
  }

  async getDescription(): Promise<BodyAndContentType> {
    await this.#isListening;
    const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
    lines.push(`m=audio ${this.socket.address().port} RTP/AVP 0`, 'a=sendrecv', '');
    return { body: lines.join('\r\n'), contentType: 'application/sdp' };
  }

  async setDescription(sdp: string): Promise<void> {
    await this.#isListening;
    this.#peer = readTarget(sdp);
  }

  #talk() {
    if (!(this.#peer.port > 0)) return;
    packet.writeUInt16BE((packet.readUInt16BE(2) + 1) % 2 ** 16, 2);
    packet.writeUInt32BE((packet.readUInt32BE(4) + 160) % 2 ** 32, 4);
    this.socket.send(packet, this.#peer.port, this.#peer.ip);
  }

  close() {
    clearInterval(this.#timer);
    this.socket.close();
  }

  hasDescription = (contentType: string) => contentType === 'application/sdp';
  sendDtmf = () => false;
}

class TrustingWebSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols, { ca });
  }
}
Object.assign(globalThis, { WebSocket: TrustingWebSocket });
const userAgent = new UserAgent({
  uri: new URI('sip', 'web', 'phone.invalid'),
  transportOptions: { server },
  sessionDescriptionHandlerFactory: latchSessionDescriptionHandlerFactory(
    () => new AudioHandler(),
    latchkey,
    {
      role: 'verifier',
      onSession: (latch, _session, { socket }) => socket.once('listening', () => latch.guard(socket)),
    },
  ),
  delegate: { onInvite: (invitation) => void invitation.accept() },
  logBuiltinEnabled: false,
});
await userAgent.start();
const room = UserAgent.makeURI(target);
await (room ? new Inviter(userAgent, room).invite() : new Registerer(userAgent).register());
console.log(room ? 'called' : 'registered', 'with SSRC', packet.readUInt32BE(8));
setInterval(() => console.log('hears', ...[...heard].sort()), 200);
process.once('SIGTERM', () => void userAgent.stop().then(() => process.exit()));
