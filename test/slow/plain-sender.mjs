// What sending costs without anything of ours: packets of one size, so many a second, to each of many. Arguments: `net` or `dgram`, packets
// a second, bytes, and for dgram the ports. It prints the port that it listens on by TCP, and sends to all who are connected there; or prints
// 0, and sends to those ports from one socket.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { performance } from 'node:perf_hooks';

const [, , kind, perSecond, bytes, ...ports] = process.argv;
const packet = Buffer.alloc(Number(bytes), 0x80);
const all = new Set();
let send;
if (kind === 'net') {
  const server = createServer((socket) => {
    all.add(socket.setNoDelay(true));
    socket.on('close', () => all.delete(socket)).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  send = (socket) => socket.write(packet);
} else {
  const socket = createSocket('udp4').bind(0, '127.0.0.1', () => console.log(0));
  for (const port of ports) all.add(Number(port));
  send = (port) => socket.send(packet, port, '127.0.0.1', () => undefined);
}

const startMs = performance.now();
let sent = 0;
setInterval(() => {
  const due = ((performance.now() - startMs) * Number(perSecond)) / 1000;
  for (; sent < due; sent++) for (const one of all) send(one);
}, 5);
