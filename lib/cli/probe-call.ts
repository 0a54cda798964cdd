// The call of a probe of doctor's: signed in, with three sockets of its own for media, and hung up and closed whatever happens. What is said in it, and what that
// shows, is the probe's.
import type { Socket } from 'node:dgram';
import { Failure } from '../phone/failure.js';
import { bindSocket, resolveHost, routedAddress } from '../phone/local-address.js';
import type { SignallingClient } from '../phone/signalling-types.js';
import { createPlainLatchkey } from './plain-latchkey.js';
import { openSignalling } from './signalling-client.js';
import type { CallTerms } from './terminal.js';

export interface ProbeMeans {
  readonly client: SignallingClient;
  readonly sockets: readonly [Socket, Socket, Socket];
  /** The IP address that they are bound to. */
  readonly local: string;
}

/** Hangs up when `probe` is done. Rejects with a Failure where there is no way to the server, and where `signal` gives the call up. */
export async function withProbeCall<Shown>(
  terms: CallTerms,
  signal: AbortSignal,
  probe: (means: ProbeMeans) => Promise<Shown>,
): Promise<Shown> {
  const { uri, credentials, ca, isInsecure, listen } = terms;
  const server = await resolveHost(uri.host);
  const local = listen ?? (await routedAddress(server, uri.port));
  if (local === undefined)
    throw new Failure(`${uri.host}:${uri.port}: there is no way to that network`, 1, 'unreachable');
  const latchkey = createPlainLatchkey();
  const sockets = await Promise.all([bindSocket(local), bindSocket(local), bindSocket(local)]);
  let client: SignallingClient | undefined;
  signal.addEventListener('abort', () => void client?.hangUp().finally(() => client?.close()));
  try {
    client = await openSignalling({ latchkey, uri, local, credentials, ca, isInsecure, role: 'prover' });
    const shown = await probe({ client, sockets, local });
    await client.hangUp();
    return shown;
  } finally {
    client?.close();
    latchkey.close();
    for (const socket of sockets) socket.close();
  }
}
