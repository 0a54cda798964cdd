// Which address of this machine a server is reached from. Sends nothing: a UDP socket that is connected asks the
// routing table and no more.
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { Failure } from './failure.js';

/** The IPv4 address of a host. Throws a Failure where there is none. */
export async function resolveHost(host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    throw new Failure(`there is no host ${host} with an IPv4 address`, 1, 'unreachable');
  }
}

/** The local address from which the system would send there; undefined where it has no route. */
export async function routedAddress(address: string, port: number): Promise<string | undefined> {
  const probe = createSocket('udp4');
  try {
    probe.connect(port, address);
    await once(probe, 'connect');
    return probe.address().address;
  } catch {
    return undefined;
  } finally {
    probe.close();
  }
}

/** Binds a UDP socket to a port of the system's choice. Throws a Failure; the socket is closed then. */
export async function bindSocket(address: string, socket = createSocket('udp4')): Promise<Socket> {
  try {
    socket.bind(0, address);
    await once(socket, 'listening');
    return socket;
  } catch (error) {
    socket.close();
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(
      `cannot listen on ${address}: ${code === 'EADDRNOTAVAIL' ? 'this machine has no such address' : message}`,
    );
  }
}
