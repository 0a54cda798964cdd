// The caller's end of a simulated NAT: a dgram socket that believes it is at a private address. What it sends goes to
// the NAT with the destination that was named, what the NAT hands in shows its real source. It is bound to 127.0.0.1
// and sends to the NAT only: no packet of it ever goes to the address that it is sent to.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { encodeNatFrame, parseNatFrame } from './nat-frame.js';

const LOOPBACK = '127.0.0.1';

export interface NatSocketOptions {
  /** The NAT's inside port. */
  readonly insidePort: number;
  /** What `socket.address()` says, and so the SDP. */
  readonly privateAddress: string;
  /** Called for each datagram that comes in, before its listeners: the rebindings that its mapping has seen. */
  readonly onEpoch?: (epoch: number) => void;
}

type Callback = (error: Error | null, sizeBytes: number) => void;
type Send = (payload: Uint8Array, port: number, address: string, callback?: Callback) => void;

/** An unbound socket, for whoever would have called `dgram.createSocket('udp4')`. `send` takes (bytes, port, address). */
export function createNatSocket({ insidePort, privateAddress, onEpoch }: NatSocketOptions): Socket {
  const socket = createSocket('udp4');
  const below = {
    bind: socket.bind.bind(socket) as (port: number, address: string, callback?: () => void) => Socket,
    send: socket.send.bind(socket) as Send,
    emit: socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean,
    address: socket.address.bind(socket),
  };

  const bind = (...args: unknown[]): Socket => {
    const { port, callback } = readBind(args);
    return below.bind(port, LOOPBACK, callback);
  };
  const send = (message: Uint8Array | string, port: number, address: string, callback?: Callback): void => {
    const payload = typeof message === 'string' ? Buffer.from(message) : message;
    const frame = encodeNatFrame({ far: { address, port }, epoch: 0, payload });
    if (frame) below.send(frame, insidePort, LOOPBACK, callback);
    else if (callback) process.nextTick(callback, new Error(`no way to ${address} through this NAT`), 0);
  };
  const emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'message') return below.emit(event, ...args);
    const [bytes, info] = args as [Buffer, RemoteInfo];
    const frame = info.port === insidePort ? parseNatFrame(bytes) : undefined;
    if (!frame) return false;
    const payload = bytes.subarray(bytes.length - frame.payload.length);
    const source: RemoteInfo = { ...frame.far, family: 'IPv4', size: payload.length };
    onEpoch?.(frame.epoch);
    return below.emit('message', payload, source);
  };
  const address = (): AddressInfo => ({ ...below.address(), address: privateAddress });

  return Object.assign(socket, { bind, send, emit, address });
}

/** The ways to call `bind` that name a port: (port?, address?, callback?) and ({ port }, callback?). */
function readBind(args: readonly unknown[]): { port: number; callback: (() => void) | undefined } {
  const [first] = args;
  const callback = args.find((arg): arg is () => void => typeof arg === 'function');
  const named = typeof first === 'object' && first !== null ? (first as { port?: number }).port : first;
  return { port: typeof named === 'number' ? named : 0, callback };
}
