// The voice agent of docs/examples/voice-agent-sip.ts on drachtio-srf: the same calls, the same service.
// Run: `node --import=tsx docs/examples/voice-agent-drachtio.ts ws://SERVICE DAEMON PORT SECRET ADDRESS`.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { WebSocket } from 'ws';
import { createLatchkey } from 'latchkey';
import type { Session } from 'latchkey';
import { createVoice } from 'latchkey/audio';
import type { Voice } from 'latchkey/audio';
import { latchDrachtio } from 'latchkey/drachtio';

const [service = 'ws://127.0.0.1:8080', host = '127.0.0.1', port = '9022', ...rest] = process.argv.slice(2);
const [secret = 'cymru', address = '127.0.0.1'] = rest;

const srf = new Srf();
const latch = latchDrachtio(srf, createLatchkey());
latch.on('session', (session) => session.on('verified', ({ mapping }) => console.log('verified', mapping)));
latch.on('session', (session) => session.on('rebound', ({ mapping }) => console.log('rebound', mapping)));

async function answer(req: Srf.SrfRequest, res: Srf.SrfResponse) {
  const session = latch.session(req);
  if (!session) return void res.send(500);
  const { voice, socket } = await openVoice(session);
  const localSdp = voice.answer(req.body);
  if (localSdp === undefined) return void res.send(488);
  const dialog = await srf.createUAS(req, res, { localSdp });
  dialog.on('modify', (again, response) => {
    const body = voice.answer(again.body);
    if (body === undefined) response.send(488);
    else response.send(200, { body });
  });
  socket.on('close', () => dialog.destroy());
}

/** The audio of the call, and its service. */
async function openVoice(session: Session): Promise<{ voice: Voice; socket: WebSocket }> {
  const rtp = createSocket('udp4').bind(0, address);
  const socket = new WebSocket(service, { handshakeTimeout: 5000 }).on('error', console.error);
  try {
    await Promise.all([once(rtp, 'listening'), once(socket, 'open')]);
    const voice = createVoice(session.bind(rtp));
    voice.on('frame', (pcm) => socket.send(pcm));
    voice.on('digit', (digit) => socket.send(JSON.stringify({ event: 'dtmf', digit })));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) voice.play(data);
      else if (/"event":\s*"clear"/.test(data.toString())) voice.clear();
    });
    voice.on('close', () => {
      socket.close();
      rtp.close();
    });
    return { voice, socket };
  } catch (error) {
    socket.terminate();
    rtp.close();
    throw error;
  }
}

srf.invite((req, res) => {
  answer(req, res).catch((error: unknown) => {
    console.error(error);
    if (!res.finalResponseSent) res.send(500);
  });
});
srf.on('error', (error) => console.error(error));
srf.on('connect', (_error, hostPort) => console.log('connected', hostPort));
void srf.connect({ host, port: Number(port), secret });
