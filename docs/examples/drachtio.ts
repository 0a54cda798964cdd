// The server of docs/examples/drachtio-plain.ts with latchkey: media goes to callers behind NATs, follows them where they walk, and goes to
// nobody who has not proved that he is there. Run: `node --import=tsx docs/examples/drachtio.ts DAEMON PORT SECRET ADDRESS`.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { createLatchkey } from 'latchkey';
import { latchDrachtio } from 'latchkey/drachtio';

const [host = '127.0.0.1', port = '9022', secret = 'cymru', address = '127.0.0.1'] = process.argv.slice(2);
const srf = new Srf();
const latch = latchDrachtio(srf, createLatchkey());
latch.on('session', (session) => session.on('verified', ({ mapping }) => console.log('verified', mapping)));
latch.on('session', (session) => session.on('rebound', ({ mapping }) => console.log('rebound', mapping)));

/** Where an SDP wants its audio: a section's own address goes before that of all. */
function readTarget(sdp: string) {
  const [session = '', ...sections] = sdp.split(/^m=/m);
  const audio = sections.find((section) => section.startsWith('audio')) ?? '';
  const [, ip = ''] = [audio, session].flatMap((part) => /^c=IN IP4 (\S+)/m.exec(part) ?? []);
  return { ip, port: Number(/^audio (\d+)/.exec(audio)?.[1]) };
}

async function openEcho(sdp: string) {
  let target = readTarget(sdp);
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  socket.on('message', (bytes) => {
    const isRtcp = ((bytes[1] ?? 0) & 0xe0) === 0xc0;
    if (!isRtcp && target.port > 0) socket.send(bytes, target.port, target.ip);
  });
  const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
  lines.push(`m=audio ${socket.address().port} RTP/AVP 0 8`, 'a=sendrecv', '');
  return { socket, localSdp: lines.join('\r\n'), move: (to: string) => (target = readTarget(to)) };
}

async function answer(req: Srf.SrfRequest, res: Srf.SrfResponse) {
  const { socket, localSdp, move } = await openEcho(req.body);
  latch.session(req)?.guard(socket);
  try {
    const dialog = await srf.createUAS(req, res, { localSdp });
    dialog.on('modify', (again, response) => {
      move(again.body);
      response.send(200, { body: localSdp });
    });
    dialog.on('destroy', () => socket.close());
  } catch (error) {
    console.error(error);
    socket.close();
  }
}

srf.invite((req, res) => void answer(req, res));
srf.on('error', (error) => console.error(error));
srf.on('connect', (_error, hostPort) => console.log('connected', hostPort));
void srf.connect({ host, port: Number(port), secret });
