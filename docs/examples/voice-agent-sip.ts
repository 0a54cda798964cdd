// A voice agent on the `sip` package: a phone calls, its audio goes to a WebSocket service in frames of 20 ms, and what the service
// says comes back as RTP at the right pace. Caller and agent talk on when the phone walks from Wi-Fi to mobile data.
//
// To the service: binary messages of 320 bytes (PCM, mono, 8000 samples a second of 16 bits, little-endian), and for each key that
// is pressed {"event":"dtmf","digit":"5"}. From it: the same PCM, in pieces of any length and as fast as it likes, and
// {"event":"clear"} when it hears that the caller speaks: what is queued is then not said any more.
// Run: `node --import=tsx docs/examples/voice-agent-sip.ts ws://SERVICE [ADDRESS [CERT KEY]]`, both PEM; without them it listens on
// TCP, which is for loopback.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import sip from 'sip';
import { WebSocket } from 'ws';
import { createLatchkey } from 'latchkey';
import { createVoice } from 'latchkey/audio';
import type { Voice } from 'latchkey/audio';
import { latchSip } from 'latchkey/sip';
import type { Arrival, Dialog } from 'latchkey/sip';

const [service = 'ws://127.0.0.1:8080', address = '127.0.0.1', ...files] = process.argv.slice(2);
const [cert, key] = files.map((file) => readFileSync(file, 'utf8'));
const transport = cert === undefined ? 'TCP' : 'TLS';
const voices = new Map<Dialog, Voice>();
const cancelled = new WeakSet<Dialog>();

const latch = latchSip(sip, createLatchkey());
latch.on('session', (session) => session.on('verified', ({ mapping }) => console.log('verified', mapping)));
latch.on('session', (session) => session.on('rebound', ({ mapping }) => console.log('rebound', mapping)));
const where = cert === undefined ? { tcp: 0 } : { tls: 0, cert, key };
const listeners = await latch.listen({ address, ...where }, ({ request }) => {
  handle(request).catch((error: unknown) => {
    console.error(error);
    latch.dialog(request)?.respond(request, { status: 500 });
  });
});
const uri = `sip:agent@${address}:${listeners.addresses.get(transport)?.port};transport=${transport.toLowerCase()}`;
console.log('listening', uri);

async function handle(request: Arrival['request']) {
  const dialog = latch.dialog(request);
  if (!dialog || request.method === 'ACK') return;
  if (request.method === 'CANCEL' && !voices.has(dialog)) cancelled.add(dialog);
  if (['BYE', 'CANCEL'].includes(request.method)) return dialog.respond(request, { status: 200 });
  if (request.method !== 'INVITE') return dialog.respond(request, { status: 501 });
  dialog.contact = uri;
  const voice = voices.get(dialog) ?? (await openVoice(dialog));
  if (cancelled.has(dialog)) return dialog.respond(request, { status: 487 });
  const sdp = voice.answer(request.content ?? '');
  dialog.respond(request, sdp === undefined ? { status: 488 } : { status: 200, content: sdp });
}

/** The audio of the call, and its service. */
async function openVoice(dialog: Dialog): Promise<Voice> {
  const rtp = createSocket('udp4').bind(0, address);
  const socket = new WebSocket(service, { handshakeTimeout: 5000 }).on('error', console.error);
  try {
    await Promise.all([once(rtp, 'listening'), once(socket, 'open')]);
    const voice = createVoice(dialog.session.bind(rtp));
    voice.on('frame', (pcm) => socket.send(pcm));
    voice.on('digit', (digit) => socket.send(JSON.stringify({ event: 'dtmf', digit })));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) voice.play(data);
      else if (/"event":\s*"clear"/.test(data.toString())) voice.clear();
    });
    socket.on('close', () => void dialog.hangUp());
    voice.on('close', () => {
      socket.close();
      rtp.close();
      voices.delete(dialog);
    });
    voices.set(dialog, voice);
    return voice;
  } catch (error) {
    socket.terminate();
    rtp.close();
    throw error;
  }
}
