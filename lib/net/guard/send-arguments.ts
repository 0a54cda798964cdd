// The many signatures of dgram's `send`, read as Node reads them, with Node's own error codes. It sends nothing:
// what it cannot read it refuses, so that no odd argument finds a way around the guard.

export type SendCallback = (error: Error | null, sizeBytes: number) => void;

export interface SendArguments {
  /** The whole datagram; a list of parts is one here. */
  readonly message: Uint8Array;
  /** Both undefined on a connected socket. */
  readonly port: number | undefined;
  readonly address: string | undefined;
  readonly callback: SendCallback | undefined;
}

/**
 * Reads `send(msg, port[, address][, callback])` and `send(msg, offset, length, port[, address][, callback])`, or, on a
 * connected socket, `send(msg[, callback])` and `send(msg, offset, length[, callback])`. Throws as `dgram.Socket.send` does.
 */
export function readSendArguments(args: readonly unknown[], isConnected: boolean): SendArguments {
  let message = args[0];
  const [, offset, length] = args;
  let port = args[3];
  let address = args[4];
  let callback = args[5];
  if (isConnected) {
    if (typeof length === 'number') {
      message = sliced(message, offset, length);
      if (typeof port === 'function') {
        callback = port;
        port = undefined;
      }
    } else {
      callback = offset;
    }
    if (port || address) throw isConnectedError();
    port = undefined;
  } else {
    if (address || (port && typeof port !== 'function')) {
      message = sliced(message, offset, length);
    } else {
      callback = port;
      port = offset;
      address = length;
    }
    port = readPort(port);
  }
  const bytes = Array.isArray(message) ? Buffer.concat(message.map(bytesOf)) : bytesOf(message);
  if (typeof address === 'function') {
    callback = address;
    address = undefined;
  } else if (address !== undefined && address !== null && typeof address !== 'string') {
    throw argumentTypeError('address', 'of type string', address);
  }
  return {
    message: bytes,
    port: port as number | undefined,
    address: (address as string | null) || undefined,
    callback: typeof callback === 'function' ? (callback as SendCallback) : undefined,
  };
}

/** A port as dgram accepts it, numbers in strings included; 0 is none. Throws ERR_SOCKET_BAD_PORT. */
export function readPort(value: unknown): number {
  const isText = typeof value === 'string' && value.trim() !== '';
  const port = typeof value === 'number' || isText ? Number(value) : NaN;
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw coded(RangeError, 'ERR_SOCKET_BAD_PORT', `Port should be > 0 and < 65536. Received ${typeof value}.`);
}

export function isConnectedError(): Error {
  return coded(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
}

export function notConnectedError(): Error {
  return coded(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}

export function argumentTypeError(name: string, expected: string, value: unknown): Error {
  const text = `The "${name}" argument must be ${expected}. Received type ${typeof value}`;
  return coded(TypeError, 'ERR_INVALID_ARG_TYPE', text);
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw argumentTypeError(
    'buffer',
    'of type string or an instance of Buffer, TypedArray, or DataView',
    value,
  );
}

function sliced(message: unknown, offset: unknown, length: unknown): Buffer {
  const { buffer, byteOffset, byteLength } = bytesOf(message);
  const start = Number(offset) >>> 0;
  const size = Number(length) >>> 0;
  if (start > byteLength) throw outOfBounds('offset');
  if (start + size > byteLength) throw outOfBounds('length');
  return Buffer.from(buffer, byteOffset + start, size);
}

function outOfBounds(name: string): Error {
  return coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`);
}

function coded(type: new (message: string) => Error, code: string, message: string): Error {
  return Object.assign(new type(message), { code });
}
