// The positive control: a relay between two parties that latches blindly, as RFC 7362 describes, and follows: each of its four
// ports sends to whoever it heard last, and a line on its input makes it forget them, as a re-INVITE does. It reads no header,
// so that every shape of attack is tried on it. Not for use. Arguments: ADDRESS PORT; the parties have PORT and PORT + 2, for RTP, and the next ones for RTCP.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [, , address, first] = process.argv;
const latched = new Map();
const sockets = new Map();

for (let leg = 0; leg < 4; leg++) {
  const port = Number(first) + leg;
  const socket = createSocket('udp4');
  sockets.set(port, socket);
  socket.on('message', (bytes, { address: host, port: from }) => {
    latched.set(port, { host, from });
    const other = Number(first) + ((leg + 2) % 4);
    const to = latched.get(other);
    if (to) sockets.get(other).send(bytes, to.from, to.host, () => undefined);
  });
  await once(socket.bind(port, address), 'listening');
}
process.stdin.on('data', () => latched.clear());
console.log(JSON.stringify({ event: 'listening' }));
