// Runs shapes of attack against a server's media ports, for a while. One argument, a plan in JSON:
// { server, range: [first, last], target, shapes: [name…], seconds, inTurn?, tap?: [command…], late?: { localPort, sequence,
// timestamp, ssrc } }; in turn, each shape has `seconds` of its own. Without `target`, what goes there waits until the input says it. The
// input has lines: `aim PORT` is another target, anything else ends the attack before its time. It prints { event: 'ready' } when it
// listens and attacks from then on, and at the end { event: 'done', shapes: { NAME: { sent, ports } } }. What came back is for the
// captures to say.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { shapes } from './attacker-shapes.mjs';
import { tap } from './attacker-tap.mjs';

const plan = JSON.parse(process.argv[2]);
const lengthMs = plan.seconds * 1000;
const listeners = [];
const report = {};
let { target } = plan;

// Before any other socket of this host can be given that port.
const leftover = await open(plan.late?.localPort);
const stopTap = plan.tap ? await tap(plan.tap, onDatagram) : () => undefined;
const startMs = Date.now();
console.log(JSON.stringify({ event: 'ready' }));
plan.shapes.forEach((name, i) => {
  const delayMs = plan.inTurn ? i * lengthMs : 0;
  setTimeout(() => shapes[name](siteOf(name, startMs + delayMs)), delayMs);
});
setTimeout(stop, plan.inTurn ? plan.shapes.length * lengthMs : lengthMs);
createInterface(process.stdin).on('line', (line) => {
  const [, port] = /^aim (\d+)$/.exec(line) ?? [];
  if (port === undefined) stop();
  else target = Number(port);
});

function stop() {
  stopTap();
  console.log(JSON.stringify({ event: 'done', shapes: report }));
  process.exit();
}

async function open(port = 0) {
  const socket = createSocket('udp4').bind(port);
  await once(socket, 'listening');
  return socket;
}

function onDatagram({ destinationPort: port, payload }) {
  if (payload.length < 13 || (payload[0] & 0xc0) !== 0x80) return;
  if (payload[1] >= 192 && payload[1] <= 223) return;
  const packet = {
    port,
    payloadType: payload[1] & 127,
    sequence: payload.readUInt16BE(2),
    timestamp: payload.readUInt32BE(4),
    ssrc: payload.readUInt32BE(8),
  };
  for (const listener of listeners) listener(packet);
}

function siteOf(name, beginMs) {
  const told = (report[name] = { sent: 0, ports: [] });
  const isOver = () => Date.now() >= beginMs + lengthMs;
  return {
    ...plan,
    get target() {
      return target;
    },
    heard: (listener) => void listeners.push((packet) => isOver() || listener(packet)),
    after: (ms, action) => void setTimeout(() => isOver() || action(), ms),
    every: (ms, action) => {
      action();
      // Timers of a busy machine come late: what was due meanwhile is done at once.
      let count = 1;
      setInterval(() => {
        for (; !isOver() && beginMs + count * ms <= Date.now(); count++) action();
      }, ms);
    },
    leftover,
    socket: (opening = open()) => {
      const opened = Promise.resolve(opening);
      void opened.then((socket) => told.ports.push(socket.address().port));
      return {
        send: (bytes, to) => {
          if (to === undefined) return;
          told.sent++;
          void opened.then((socket) => socket.send(bytes, to, plan.server, () => undefined));
        },
      };
    },
  };
}
