// A party without a key and without signalling of its own, for positive controls and beside sipp: RTP to a port at an interval, and RTCP with every fifth packet to the next
// port, from two sockets. Arguments: SERVER PORT INTERVAL_MS WORDS, the last for its payload. It begins with a line on its input.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [, , server, port, intervalMs, words] = process.argv;
const rtp = createSocket('udp4');
const rtcp = createSocket('udp4');
await Promise.all([rtp, rtcp].map((socket) => once(socket.bind(0), 'listening')));
const ssrc = Buffer.from(words).readUInt32BE(0);
console.log(JSON.stringify({ event: 'ready' }));
await once(process.stdin, 'data');
const startMs = Date.now();
let count = 0;

setInterval(() => {
  for (; startMs + count * intervalMs <= Date.now(); count++) {
    const packet = Buffer.alloc(172);
    packet.fill(words, 12);
    // No two are alike.
    packet.writeUInt32BE(count, 168);
    packet.writeUInt16BE(0x8000, 0);
    packet.writeUInt16BE(count & 0xffff, 2);
    packet.writeUInt32BE(count * 160, 4);
    packet.writeUInt32BE(ssrc, 8);
    rtp.send(packet, Number(port), server);
    if (count % 5 > 0) continue;
    const report = Buffer.alloc(8);
    report.set([0x80, 201, 0, 1]);
    report.writeUInt32BE(ssrc, 4);
    rtcp.send(report, Number(port) + 1, server);
  }
}, 5);
