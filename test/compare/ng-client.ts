// Speaks rtpengine's ng protocol, to be run in the network namespace of the daemon: reads commands from standard input, a JSON
// object a line, and prints each reply as such a line, the first one that of a ping. Argument: the port on 127.0.0.1. Fails
// when no reply comes.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import bencode from 'bencode';

const REPLY_MS = 200;
const ATTEMPTS = 50;

const port = Number(process.argv[2]);
const socket = createSocket('udp4');
// Refused: the daemon does not listen yet. It is asked again.
socket.on('error', () => undefined);
socket.connect(port, '127.0.0.1');
await once(socket, 'connect');
let count = 0;
await pass('{"command":"ping"}');
for await (const line of createInterface(process.stdin)) await pass(line);
socket.close();

async function pass(line: string): Promise<void> {
  console.log(JSON.stringify(await ask(`${process.pid}-${count++}`, JSON.parse(line) as object)));
}

/** A datagram is a cookie, a space and a dictionary; a repeated cookie gets the same reply again. */
async function ask(cookie: string, command: object): Promise<Record<string, string>> {
  const datagram = Buffer.concat([Buffer.from(`${cookie} `), bencode.encode(command)]);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    socket.send(datagram);
    const reply = await Promise.race([once(socket, 'message').catch(silence), silence()]);
    const [bytes] = reply as [Buffer?];
    if (bytes?.toString('latin1').startsWith(`${cookie} `)) return read(bytes.subarray(cookie.length + 1));
  }
  throw new Error(`no reply from rtpengine on port ${port}`);
}

/** A dictionary of which the texts are wanted. */
function read(bytes: Uint8Array): Record<string, string> {
  const reply = bencode.decode(bytes) as Record<string, unknown>;
  const texts = Object.entries(reply).filter(
    (entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array,
  );
  return Object.fromEntries(texts.map(([key, value]) => [key, Buffer.from(value).toString()]));
}

function silence(): Promise<[]> {
  return new Promise((resolve) => setTimeout(resolve, REPLY_MS, []));
}
