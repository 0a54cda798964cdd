// The handle below a dgram socket, as far as the guard needs it. Node documents no way to it, so that it is looked for, and
// everybody who asks must bear that it is not found.
import type { Socket } from 'node:dgram';

export type HandleLookup = (address: string, callback: (error: Error | null, ip?: string) => void) => unknown;
/** Each gives 0 or, for `send`, what it sent; below zero: the system's error number. */
export type HandleSend = (...args: unknown[]) => number;
export type HandleConnect = (...args: unknown[]) => number;

export interface DgramHandle {
  bind(address: string, port: number, flags: number): number;
  bind6(address: string, port: number, flags: number): number;
  lookup: HandleLookup;
  send: HandleSend;
  connect: HandleConnect;
}

const METHODS = ['bind', 'bind6', 'lookup', 'send', 'connect'] as const satisfies (keyof DgramHandle)[];

export function handleOf(socket: Socket): DgramHandle | undefined {
  const state = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === 'state symbol');
  const held = state && (Reflect.get(socket, state) as { handle?: unknown } | undefined);
  const handle = held?.handle;
  if (typeof handle !== 'object' || handle === null) return undefined;
  return METHODS.every((name) => typeof Reflect.get(handle, name) === 'function')
    ? (handle as DgramHandle)
    : undefined;
}
