// A socket that was connected before it was guarded: the kernel hands it nothing but its one peer's packets, so a
// mapping would never be heard. Takes that connection off and keeps the port.
import type { Socket } from 'node:dgram';
import { LatchkeyError } from '../../core/index.js';
import { canonicalIp, localAddress } from '../socket-address.js';
import { handleOf } from './dgram-handle.js';
import type { Peer } from './virtual-connection.js';

/**
 * Disconnects the socket and gives the peer that it had. Linux takes away the port of a socket that was bound to port 0
 * when it is disconnected; it is then bound to the same one again at once, through the handle, as dgram has no way.
 * Throws LATCHKEY_SOCKET, the socket untouched where that way is shut.
 */
export function loosen(socket: Socket): Peer {
  const { address, port } = socket.remoteAddress();
  const local = socket.address();
  const handle = handleOf(socket);
  if (!handle)
    throw new LatchkeyError(
      'LATCHKEY_SOCKET',
      'the socket is connected: guard it first, and connect it then',
    );
  socket.disconnect();
  if (localAddress(socket)?.port !== local.port) {
    const bind = local.family === 'IPv6' ? 'bind6' : 'bind';
    if (handle[bind](local.address, local.port, 0) !== 0)
      throw new LatchkeyError(
        'LATCHKEY_SOCKET',
        `the socket lost its port ${local.port} when it was disconnected`,
      );
  }
  return { address: canonicalIp(address) ?? address, port };
}
