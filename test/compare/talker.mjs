// Sends RTP (PCMU, 172 bytes) at a fixed pace from one port until it is ended. The content of each packet is the text it was
// given, so that a capture tells who spoke. It hears nothing, and judges nothing. Says "ready" when its port is open; begins
// when it reads the port to send to, on standard input. Arguments: OWN-PORT INTERVAL-MS TEXT ADDRESS
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';

const [ownPort, intervalMs, text, address] = process.argv.slice(2);
const HEADER_BYTES = 12;
const SAMPLES = 160;
const ssrc = (Date.now() ^ (process.pid << 16)) >>> 0;
const packet = Buffer.alloc(HEADER_BYTES + SAMPLES, 0xff);
packet.writeUInt16BE(0x8000, 0);
packet.writeUInt32BE(ssrc, 8);
packet.write(text, HEADER_BYTES, 'latin1');

const socket = createSocket('udp4');
let sent = 0;
let port = 0;

function talk(startMs) {
  // What is late is made good: so many packets are due by now.
  const due = Math.floor((performance.now() - startMs) / Number(intervalMs)) + 1;
  for (; sent < due; sent++) {
    packet.writeUInt16BE(sent & 0xffff, 2);
    packet.writeUInt32BE((sent * SAMPLES) >>> 0, 4);
    socket.send(Buffer.from(packet), port, address);
  }
  setTimeout(talk, startMs + sent * Number(intervalMs) - performance.now(), startMs);
}

process.stdin.once('data', (line) => {
  port = Number(line);
  talk(performance.now());
});
socket.bind(Number(ownPort), () => console.log(JSON.stringify({ event: 'ready' })));
