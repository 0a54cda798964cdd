// Tells what a NAT does. `mirror.mjs show PORT…` answers every datagram with the address it came from. `mirror.mjs ask
// LOCALPORT COUNT INTERVAL_MS ADDRESS:PORT…` sends to each in turn and prints, a JSON object a line, what each answered and after how long;
// `mirror.mjs hear LOCALPORT MS` prints whatever comes.
import { createSocket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

const [, , what, ...rest] = process.argv;
const print = (value) => console.log(JSON.stringify(value));

async function open(port, onMessage) {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => onMessage(bytes, `${from.address}:${from.port}`, socket));
  await new Promise((resolve) => socket.bind(port, resolve));
  return socket;
}

if (what === 'show') {
  for (const port of rest)
    await open(Number(port), (bytes, from, socket) => {
      const [address, number] = from.split(':');
      socket.send(`${bytes.toString()} ${from}`, Number(number), address);
    });
  print({ event: 'ready' });
} else {
  const [port, ...more] = rest;
  const sentMs = new Map();
  const socket = await open(Number(port), (bytes, from) => {
    const [id, seen] = bytes.toString().split(' ');
    print({ event: 'heard', id, from, seen, afterMs: performance.now() - (sentMs.get(id) ?? NaN) });
  });
  print({ event: 'ready' });
  if (what === 'hear') await delay(Number(more[0]));
  if (what === 'ask') {
    const [count, intervalMs, ...targets] = more;
    for (let i = 0; i < Number(count); i++) {
      const [address, number] = targets[i % targets.length].split(':');
      sentMs.set(String(i), performance.now());
      socket.send(String(i), Number(number), address);
      await delay(Number(intervalMs));
    }
    await delay(250);
  }
  socket.close();
}
