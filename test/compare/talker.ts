// Sends RTP (PCMU, 172 bytes) at a fixed pace from one port until it is ended: plain, or protected by SRTP, or as a phone with ICE
// once a check of its own is answered. The content of each packet is the text it was given, so that a capture tells who spoke. It
// judges nothing that it hears. Says "ready" when its port is open; begins when it reads the other side's terms, a line of JSON, on
// standard input. What is plain goes where the last such line says. Argument: a plan in JSON.
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpSender } from '../../lib/srtp/index.js';
import { IceTalk } from './ice-talk.js';
import type { IceRole } from './ice-talk.js';
import { masterKeyOf } from './phone-terms.js';
import type { Terms } from './phone-terms.js';

export interface TalkerPlan {
  /** Of its own: the port (0: any), and how its media is protected. */
  readonly own: Terms;
  readonly intervalMs: number;
  /** What it says. */
  readonly text: string;
  /** The address to talk to. */
  readonly server: string;
}

/** The line that has it begin, or speak to another port. */
export interface TalkerStart {
  readonly peer: Terms;
  readonly role: IceRole;
}

const { own, intervalMs, text, server } = JSON.parse(process.argv[2]!) as TalkerPlan;
const HEADER_BYTES = 12;
const SAMPLES = 160;
const ssrc = (Date.now() ^ (process.pid << 16)) >>> 0;
const packet = Buffer.alloc(HEADER_BYTES + SAMPLES, 0xff);
packet.writeUInt16BE(0x8000, 0);
packet.writeUInt32BE(ssrc, 8);
packet.write(text, HEADER_BYTES, 'latin1');

const socket = createSocket('udp4');
const srtp = own.key === undefined ? undefined : new SrtpSender(nodeSrtpCrypto, masterKeyOf(own.key));
const ice = own.ice && new IceTalk(own.ice, (bytes, to) => socket.send(bytes, to.port, to.address));
let sent = 0;
let port = 0;

function talk(startMs: number): void {
  // What is late is made good: so many packets are due by now.
  const due = Math.floor((performance.now() - startMs) / intervalMs) + 1;
  for (; sent < due; sent++) {
    packet.writeUInt16BE(sent & 0xffff, 2);
    packet.writeUInt32BE((sent * SAMPLES) >>> 0, 4);
    const bytes = srtp ? srtp.protectRtp(packet) : Buffer.from(packet);
    if (typeof bytes === 'string') throw new Error(`a packet cannot be protected: ${bytes}`);
    socket.send(bytes, port, server);
  }
  setTimeout(talk, startMs + sent * intervalMs - performance.now(), startMs);
}

createInterface(process.stdin).on('line', (line) => {
  const { peer, role } = JSON.parse(line) as TalkerStart;
  const isTalking = port > 0;
  port = peer.port;
  if (isTalking) return;
  const begin = () => talk(performance.now());
  if (!ice) return begin();
  if (!peer.ice) throw new Error('the other side has no ICE');
  ice.start({ address: server, port }, peer.ice, role, begin);
});
socket.on('message', (bytes, source) => ice?.handle(bytes, source));
socket.bind(own.port, () => console.log(JSON.stringify({ event: 'ready' })));
