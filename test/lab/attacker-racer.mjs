// Waits to race somebody to a server's media ports: an argument in JSON, { server, range: [first, last] }. It prints { event: 'ready' };
// from a line `go` on its input to a line `stop` it sprays the range from one socket, and then prints { event: 'raced', startMs, endMs,
// sent, port }; as often as it is told. What came back is for the captures to say.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { shapes } from './attacker-shapes.mjs';

const { server, range } = JSON.parse(process.argv[2]);
let race;

for await (const line of tellReady()) {
  if (line === 'go') race = await begin();
  else if (race) race.end();
}

function tellReady() {
  console.log(JSON.stringify({ event: 'ready' }));
  return createInterface(process.stdin);
}

async function begin() {
  const socket = createSocket('udp4').bind(0);
  await once(socket, 'listening');
  const startMs = Date.now();
  const { port } = socket.address();
  const timers = [];
  let sent = 0;
  shapes.spray({
    range,
    socket: () => ({
      send: (bytes, to) => {
        sent++;
        socket.send(bytes, to, server, () => undefined);
      },
    }),
    every: (ms, action) => {
      action();
      timers.push(setInterval(action, ms));
    },
  });
  const end = () => {
    for (const timer of timers) clearInterval(timer);
    // The socket stays open: what is stolen is not to be answered by ICMP.
    console.log(JSON.stringify({ event: 'raced', startMs, endMs: Date.now(), sent, port }));
  };
  return { end };
}
