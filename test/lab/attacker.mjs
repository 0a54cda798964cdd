// Sprays RTP of the right payload type over the server's media ports for a while, from one socket. What comes back is for
// the captures to say.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [, , server, first, last, seconds] = process.argv;
const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
let sequence = 0;
socket.bind(0, () => {
  const timer = setInterval(() => {
    const packet = Buffer.alloc(172, 0xff);
    packet.writeUInt16BE(0x8000, 0);
    packet.writeUInt16BE(sequence++ & 0xffff, 2);
    packet.writeUInt32BE(sequence * 160, 4);
    packet.writeUInt32BE(0xbadbad, 8);
    for (let port = Number(first); port <= Number(last); port++) socket.send(packet, port, server);
  }, 10);
  setTimeout(
    () => {
      clearInterval(timer);
      socket.close();
    },
    Number(seconds) * 1000,
  );
});
