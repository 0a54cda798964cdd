// An application that owns a dgram socket and answers whoever sends to it, retrofitted with a guard: its own lines
// stay as they are. The phone and the impostor live in the same process here, each with a socket of its own.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { classifyPacket, createLatchkey, formatAddress } from 'latchkey';

const sockets: Socket[] = [];
const bound = async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'listening');
  return socket;
};
const describe = (address: string, port: number) =>
  ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', `c=IN IP4 ${address}`, 't=0 0']
    .concat(`m=audio ${port} RTP/AVP 0`, 'a=rtcp-mux', '')
    .join('\r\n');
/** An RTP packet of type 0 that says something. */
const rtp = (text: string) =>
  Buffer.concat([Buffer.from('80000001000000a000001234', 'hex'), Buffer.from(text)]);
const textOf = (packet: Buffer) => packet.toString('latin1', 12);

// What the application has: a socket, and a listener that sends back what it hears.
const socket = await bound();
socket.on('message', (bytes, info) => socket.send(bytes, info.port, info.address));

// What it adds: a latchkey, a session for the call, and a guard around the socket.
const latchkey = createLatchkey();
const session = latchkey.createSession({ call: 'example', signalling: 'loopback' });
const guard = session.guard(socket);

// The phone. Its SDP names an address that nobody can reach, as behind a NAT.
const phone = createLatchkey();
const phoneSession = phone.createSession({ call: 'example', role: 'prover', signalling: 'loopback' });
const media = phoneSession.bind(await bound());

// The call. In an application the two descriptions travel in SIP, over TLS.
const verified = once(session, 'verified');
session.setRemote(phoneSession.setLocal(describe('10.0.0.7', 4000)));
phoneSession.setRemote(session.setLocal(describe('127.0.0.1', socket.address().port)));
await verified;
const [stream] = session.streams;
if (!stream?.signalled || !stream.mapping) throw new Error('the session has no verified stream');
console.log(`signalled ${formatAddress(stream.signalled)}`);
console.log(`mapping is the phone's socket: ${stream.mapping.port === media.local.port}`);

const say = async (text: string) => {
  const echo = once(media, 'packet');
  media.send(rtp(text));
  const [packet] = (await echo) as [Buffer];
  console.log(`echoed: ${textOf(packet)}`);
};
await say('hello');

// Somebody else sends media to the same port. It is dropped, and what comes back is at most a challenge.
const impostor = await bound();
let stolen = 0;
impostor.on('message', (bytes) => (stolen += classifyPacket(bytes) === 'stun' ? 0 : 1));
impostor.send(rtp('give it to me'), socket.address().port, '127.0.0.1');
await say('are you still there');
console.log(`the impostor got ${stolen} packets of media`);
console.log(`dropped as unverified: ${guard.counters.dropped.unverified}`);

guard.unguard(); // the socket is exactly as it was
phone.close();
latchkey.close();
for (const one of sockets) one.close();
if (stolen > 0) process.exitCode = 1;
