// Sockets that are guarded from birth: `latchkey.createSocket()`. No reference to an unguarded `send` of theirs was
// ever in anybody's hands, and nothing goes out or comes in before a session is put around them.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket, SocketOptions, SocketType } from 'node:dgram';
import { isIP } from 'node:net';
import { LatchkeyError } from '../../core/index.js';
import { GuardLayer } from './guard-layer.js';
import type { SharedSockets } from '../shared-socket.js';
import { systemLookup } from './virtual-connection.js';
import type { Lookup } from './virtual-connection.js';

/** The usual 208 KiB hold 280 small packets: a moment's pause of the process. The kernel gives what it allows. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

export function createGuardedSocket(
  sockets: SharedSockets,
  given: SocketOptions | SocketType,
  listener?: (bytes: Buffer, info: RemoteInfo) => void,
): Socket {
  const options: SocketOptions = typeof given === 'string' ? { type: given } : given;
  const type: unknown = options?.type;
  if (type !== 'udp4' && type !== 'udp6')
    throw new LatchkeyError('LATCHKEY_OPTION', `option "type" accepts 'udp4', 'udp6'`);
  let isBound = false;
  const byName = (options.lookup as Lookup | undefined) ?? systemLookup;
  // dgram asks for every packet, and its own answer costs a turn of the loop even for an IP address. While binding,
  // the answer must not come at once: 'listening' would be emitted before bind() has returned.
  const lookup: Lookup = (hostname, family, callback) => {
    if (isIP(hostname) !== family) byName(hostname, family, callback);
    else if (isBound) callback(null, hostname);
    else process.nextTick(callback, null, hostname);
  };
  const socket = createSocket({
    ...options,
    lookup: lookup as unknown as NonNullable<SocketOptions['lookup']>,
  });
  new GuardLayer(socket, sockets, true, byName);
  socket.prependOnceListener('listening', () => {
    isBound = true;
    if (options.recvBufferSize === undefined) enlargeReceiveBuffer(socket);
  });
  if (listener) socket.on('message', listener);
  return socket;
}

function enlargeReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // A system that refuses so much keeps its own size.
  }
}
