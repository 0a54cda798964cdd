// A camera that offers latch in ANNOUNCE (docs/protocol.md 2, RTSP), by hand: no program that users would have does. Arguments: the server's
// address, its RTSPS port, and ROOM/NAME. It publishes 50 packets of PCMU a second from the address that it proves, and prints
// { event: 'verified' } when it has; it ends with its input.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey } from '../../lib/index.js';
import { RtspTalker, sessionOf } from '../plugins/rtsp-client.js';

const [server = '', rtsps = '', path = ''] = process.argv.slice(2);
const PACKET_MS = 20;
const SAMPLES = 160;
const SSRC = 0xca3e7a;

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, talker.socket.localAddress);
  await once(socket, 'listening');
  return socket;
}

const talker = await RtspTalker.open(Number(rtsps), true, server);
const url = `rtsps://${server}:${rtsps}/${path}`;
const session = createLatchkey().createSession({ signalling: 'encrypted', role: 'prover' });
const [rtp, rtcp] = [await bound(), await bound()];
const head = (address: string) =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\n`;
const section = (port: number) => `m=audio ${port} RTP/AVP 0\r\n`;
const offer = session.setLocal(head(rtp.address().address) + section(rtp.address().port));
const sdp = `${offer.replace(/^(m=audio) \d+/m, '$1 0')}a=control:s\r\n`;
const announced = await talker.ask('ANNOUNCE', url, { 'Content-Type': 'application/sdp' }, sdp);
const field = (name: string) => announced.headers.get(name)?.[0] ?? '';
const Transport = `RTP/AVP;unicast;client_port=${rtp.address().port}-${rtcp.address().port};mode=record`;
const setUp = await talker.ask('SETUP', `${url}/s`, { Transport });
const serverPort = Number(/server_port=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1]);
const latch = `a=latch:${field('latch')}\r\na=latch-challenge:${field('latch-challenge')}\r\n`;
session.on('verified', () => console.log(JSON.stringify({ event: 'verified', port: serverPort })));
session.setRemote(head(server) + section(serverPort) + latch);
const port = session.bind(rtp);
session.bind(rtcp, { component: 2 });
await talker.ask('RECORD', url, { Session: sessionOf(setUp) });

let sequence = 0;
setInterval(() => {
  const packet = Buffer.alloc(12 + SAMPLES, 0xd5);
  packet.set([0x80, 0]);
  packet.writeUInt16BE(++sequence & 0xffff, 2);
  packet.writeUInt32BE(sequence * SAMPLES, 4);
  packet.writeUInt32BE(SSRC, 8);
  port.send(packet);
}, PACKET_MS);
process.stdin.on('end', () => process.exit()).resume();
