// A port of loopback that nobody has, TCP and UDP alike, outside of those that the system gives to whoever asks for any: else a test in
// another process may get it between the look and the use.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const FIRST = 10_000;
/** Linux gives ports from 32768 on. */
const END = 32_000;
const ATTEMPTS = 50;

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, END);
    if ((await isFree(port, 'tcp')) && (await isFree(port, 'udp'))) return port;
  }
  throw new Error('no port is free');
}

async function isFree(port: number, protocol: 'tcp' | 'udp'): Promise<boolean> {
  const server = protocol === 'tcp' ? createServer() : createSocket('udp4');
  const listening = once(server, 'listening');
  if (protocol === 'tcp') (server as ReturnType<typeof createServer>).listen(port, LOOPBACK);
  else (server as ReturnType<typeof createSocket>).bind(port, LOOPBACK);
  try {
    await listening;
  } catch {
    return false;
  }
  const closed = once(server, 'close');
  server.close();
  await closed;
  return true;
}
