// A phone on sip.js, in Node and over WSS: `node --import=tsx docs/examples/sip-js.ts wss://HOST:PORT CA.PEM [sip:ROOM@HOST]`.
// Calls that URI or, without one, registers and takes calls. It says silence, and prints whom it hears.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLatchkey } from 'latchkey';
import { createRtpSessionDescriptionHandlerFactory, createTransportConstructor } from 'latchkey/sip-js';
import { Inviter, Registerer, URI, UserAgent, Web } from 'sip.js';
import { WebSocket } from 'ws';

const [server = '', ca = '', target = ''] = process.argv.slice(2);
const packet = Buffer.concat([Buffer.from('8000', 'hex'), randomBytes(10), Buffer.alloc(160, 0xff)]); // PCMU
const heard = new Set<number>();
const userAgent = new UserAgent({
  uri: new URI('sip', 'web', 'phone.invalid'),
  transportConstructor: createTransportConstructor(Web.Transport, WebSocket, { ca: readFileSync(ca) }),
  transportOptions: { server },
  sessionDescriptionHandlerFactory: createRtpSessionDescriptionHandlerFactory({
    latchkey: createLatchkey(),
    address: '127.0.0.1',
    onMedia: (media) => {
      const timer = setInterval(() => {
        packet.writeUInt16BE((packet.readUInt16BE(2) + 1) % 2 ** 16, 2);
        packet.writeUInt32BE((packet.readUInt32BE(4) + 160) % 2 ** 32, 4);
        media.send(packet);
      }, 20);
      media.on('packet', (bytes) => bytes[1] === 0 && heard.add(bytes.readUInt32BE(8)));
      media.on('close', () => clearInterval(timer));
    },
  }),
  delegate: { onInvite: (invitation) => void invitation.accept() },
  logBuiltinEnabled: false,
});
await userAgent.start();
const room = UserAgent.makeURI(target);
await (room ? new Inviter(userAgent, room).invite() : new Registerer(userAgent).register());
console.log(room ? 'called' : 'registered', 'with SSRC', packet.readUInt32BE(8));
setInterval(() => console.log('hears', ...[...heard].sort()), 200);
process.once('SIGTERM', () => void userAgent.stop().then(() => process.exit()));
