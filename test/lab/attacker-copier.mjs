// The neighbour who reads: each packet of the victim's to the server's media ports goes there once more, from a socket of its
// own for each port. With `relay` it is the strongest attacker that cannot drop: a challenge that it gets in answer it hands to
// the victim in the server's name, to read the response off the wire and send it too. One argument, a plan in JSON:
// { server, victim, range: [first, last], tap: [command…], relay }
// It prints { event: 'ready' } when it reads; a line on its input ends it, and it prints { event: 'done', ports: { SERVER_PORT: { local, copied, relayed } } }.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { tap } from './attacker-tap.mjs';

const plan = JSON.parse(process.argv[2]);
const copiers = new Map();
let isOver = false;

const [first, last] = plan.range;
for (let port = first; port <= last; port++) copiers.set(port, await openCopier(port));
const stopTap = await tap(plan.tap, ({ sourcePort, destinationPort, payload }) => {
  const copier = copiers.get(destinationPort);
  if (!copier || isOver) return;
  copier.victimPort = sourcePort;
  copier.copied++;
  copier.socket.send(Buffer.from(payload), destinationPort, plan.server, () => undefined);
});
console.log(JSON.stringify({ event: 'ready' }));
process.stdin.once('data', () => {
  isOver = true;
  stopTap();
  const told = [...copiers].filter(([, { copied }]) => copied > 0);
  const ports = told.map(([port, { local, copied, relayed }]) => [port, { local, copied, relayed }]);
  console.log(JSON.stringify({ event: 'done', ports: Object.fromEntries(ports) }));
  process.exit();
});

async function openCopier(port) {
  const socket = createSocket('udp4');
  await once(socket.bind(0), 'listening');
  const copier = { socket, local: socket.address().port, victimPort: 0, copied: 0, relayed: 0 };
  if (!plan.relay) return copier;
  // The kernel gives what leaves from this port the server's address for a source: see `spoofServer`.
  const inServersName = createSocket('udp4');
  await once(inServersName.bind(port), 'listening');
  socket.on('message', (bytes) => {
    if (isOver || copier.victimPort === 0) return;
    copier.relayed++;
    inServersName.send(bytes, copier.victimPort, plan.victim, () => undefined);
  });
  return copier;
}
