/**
 * The way in between drachtio-srf and its sockets: what it writes to a daemon and what a daemon says passes through here. It
 * replaces one function of the package's line protocol and the listener for a socket's bytes; a package in which these are not
 * where they are expected is refused, rather than left to run without latch.
 */
import type { Socket } from 'node:net';
import { LatchkeyError } from '../../lib/index.js';
import type { DrachtioAgent, DrachtioApp, DrachtioHandler, DrachtioWire } from './drachtio-types.js';

/** One connection to a daemon, as the hook needs it. */
export interface HookedConnection {
  push(data: Buffer): void;
  send(text: string): string;
  close(): void;
}

export interface HookSite {
  /** A daemon is connected, or about to be. */
  connect(socket: Socket, wire: DrachtioWire): HookedConnection;
  /** The application's handlers are about to run. */
  prepareHandlers(app: DrachtioApp): void;
}

/** @throws LatchkeyError LATCHKEY_OPTION for what is no `Srf` of drachtio-srf 5. */
export function hookApp(app: DrachtioApp, site: HookSite): void {
  for (const name of ['connect', 'listen', 'handle'] as const)
    if (typeof app[name] !== 'function') unknownPackage(`app.${name}`);
  for (const name of ['connect', 'listen'] as const) {
    const original = app[name];
    app[name] = function (this: unknown, ...args) {
      const result = original.apply(this, args);
      // Nothing has come by the connection yet: it is being made.
      if (app.client) hookAgent(app.client, site);
      return result;
    };
  }
  const { handle } = app;
  app.handle = function (this: unknown, ...args) {
    site.prepareHandlers(app);
    return handle.apply(this, args);
  };
  if (app.client) hookAgent(app.client, site);
}

function hookAgent({ wp: wire, mapServer }: DrachtioAgent, site: HookSite): void {
  if (!wire || typeof wire.send !== 'function' || wire.listenerCount('msg') === 0)
    unknownPackage('client.wp');
  const connections = new WeakMap<Socket, HookedConnection>();
  const adopt = (socket: Socket): HookedConnection => {
    const known = connections.get(socket);
    if (known) return known;
    const connection = site.connect(socket, wire);
    connections.set(socket, connection);
    const pending = wire.mapIncomingMsg?.get(socket)?.incomingMsg;
    socket.removeAllListeners('data');
    socket.on('data', (data: Buffer) => connection.push(data));
    socket.once('close', () => connection.close());
    if (pending?.length) connection.push(pending);
    return connection;
  };
  wire.send = (socket, text) => adopt(socket).send(text);
  // Before the package's own listeners, which authenticate at once.
  for (const event of ['connect', 'connection'] as const)
    wire.prependListener(event, adopt as DrachtioHandler);
  for (const socket of mapServer?.keys() ?? []) adopt(socket);
}

function unknownPackage(what: string): never {
  throw new LatchkeyError(
    'LATCHKEY_OPTION',
    `latchDrachtio needs a Srf of drachtio-srf 5: this one has no ${what}`,
  );
}
