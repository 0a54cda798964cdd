/**
 * A listener for each transport: a stack of the `sip` package for each, since one stack has a single port for UDP and TCP, and
 * WS or WSS. Wraps nothing of the messages: stack.ts does.
 */
import tls from 'node:tls';
import { LatchkeyError } from '../../lib/index.js';
import type { Arrival, ListenOptions, OnRequest, SipListeners } from '../../lib/sip/index.js';
import type { SipOptions } from './sip-types.js';
import type { Stack } from './stack.js';
import { withSwapped } from './swap.js';

type Create = (options: SipOptions, onRequest: OnRequest) => Stack;

/**
 * Opens the listeners that the options ask for.
 *
 * @throws Error naming the one that cannot be had; LatchkeyError LATCHKEY_OPTION.
 */
export async function openListeners(
  create: Create,
  options: ListenOptions,
  onArrival: (arrival: Arrival) => void,
): Promise<SipListeners> {
  const stacks: Stack[] = [];
  const close = () => {
    for (const stack of stacks) stack.destroy();
  };
  const open = (own: SipOptions) => {
    const { address, advertise: publicAddress, doorkeeper, clientCa, origins } = options;
    const common = { address, publicAddress, doorkeeper, clientCa, origins, udp: false, tcp: false };
    const stack: Stack = create({ ...common, ...own }, (request, flow) =>
      onArrival({ request, flow, stack }),
    );
    stacks.push(stack);
  };
  try {
    const { udp, tcp, ws } = options;
    if (udp !== undefined) open({ udp: true, port: udp });
    if (tcp !== undefined) open({ tcp: true, port: tcp });
    if (ws !== undefined) open({ ws_port: ws });
    if (options.tls !== undefined || options.wss !== undefined) openSecure(options, open);
    await Promise.all(stacks.map((stack) => stack.ready));
  } catch (error) {
    close();
    throw error;
  }
  const listening = stacks.flatMap((stack) => stack.addresses);
  return {
    addresses: new Map(listening.map((one) => [one.protocol, one])),
    stackOf: (transport) =>
      stacks.find(({ addresses }) => addresses.some(({ protocol }) => protocol === transport.toUpperCase())),
    renew: (renewal) => {
      for (const stack of stacks) stack.renew(renewal);
    },
    close,
  };
}

/** TLS and WSS share a stack: the package takes `tls` for both. */
function openSecure(options: ListenOptions, open: (own: SipOptions) => void): void {
  const { cert, key, ca, rejectUnauthorized, wss } = options;
  if (wss !== undefined && (cert === undefined || key === undefined))
    throw new LatchkeyError('LATCHKEY_OPTION', 'wss needs cert and key');
  const own: SipOptions = {
    tls: {
      minVersion: 'TLSv1.2',
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(ca !== undefined && { ca }),
      ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    },
    tls_port: options.tls ?? 0,
    ...(wss !== undefined && { ws_port: wss }),
  };
  if (options.tls !== undefined) return open(own);
  // The package listens for TLS wherever it has a certificate; nothing shall where no port is given for it.
  const make =
    (original: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      const server = original(...args) as tls.Server;
      const listen = () => {
        process.nextTick(() => server.emit('listening'));
        return server;
      };
      return Object.defineProperty(server, 'listen', { value: listen, configurable: true });
    };
  withSwapped([{ target: tls, key: 'createServer', make }], () => open(own));
}
