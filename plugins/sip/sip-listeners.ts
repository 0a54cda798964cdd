// The SIP listeners of `latchkey serve`: a stack of the `sip` package for each transport, since one stack has a single
// port for UDP and TCP, and WS or WSS. Wraps nothing of the messages: plugins/sip does.
import tls from 'node:tls';
import type { LatchSip, ListenerProtocol, SipFlow, SipRequest, Stack } from './index.js';
import { withSwapped } from './swap.js';
import type { Certificate } from '../../lib/cli/certificate.js';
import { Failure } from '../../lib/phone/failure.js';
import type { ServeOptions } from '../../lib/cli/serve-options.js';
import type { ListenPort } from '../../lib/server/media-sockets.js';

/** Takes a request, with the stack that it came by: what belongs to it goes back the same way. */
export type Handler = (request: SipRequest, remote: SipFlow, stack: Stack) => void;

export interface SipListeners {
  /** Where each transport listens. */
  readonly addresses: ReadonlyMap<ListenerProtocol, { address: string; port: number }>;
  /** The stack that listens on a transport: what goes out by it has somewhere to come back. */
  stackOf(transport: string): Stack | undefined;
  close(): void;
}

type StackOptions = Parameters<LatchSip['create']>[0];

/** Opens the listeners that the options ask for. Throws a Failure naming the one that cannot be had. */
export async function openSipListeners(
  latch: LatchSip,
  options: ServeOptions,
  certificate: Certificate | undefined,
  handle: Handler,
): Promise<SipListeners> {
  const stacks: Stack[] = [];
  const close = () => {
    for (const stack of stacks) stack.destroy();
  };
  const open = (own: StackOptions) => {
    const { listen: address, advertise: publicAddress } = options;
    const stack: Stack = latch.create(
      { address, publicAddress, udp: false, tcp: false, ...own },
      (request, remote) => handle(request, remote, stack),
    );
    stacks.push(stack);
  };
  try {
    if (options.udp !== 0) open({ udp: true, port: numberOf(options.udp) });
    if (options.tcp !== 0) open({ tcp: true, port: numberOf(options.tcp) });
    if (options.ws !== 0) open({ ws_port: numberOf(options.ws) });
    if (certificate) openSecure(options, certificate, open);
    await Promise.all(stacks.map((stack) => stack.ready));
  } catch (error) {
    close();
    throw new Failure(error instanceof Error ? error.message : String(error));
  }
  const listening = stacks.flatMap((stack) => stack.addresses);
  return {
    addresses: new Map(listening.map(({ protocol, address, port }) => [protocol, { address, port }])),
    stackOf: (transport) =>
      stacks.find(({ addresses }) => addresses.some(({ protocol }) => protocol === transport.toUpperCase())),
    close,
  };
}

/** TLS and WSS share a stack: the package takes `tls` for both. */
function openSecure(
  options: ServeOptions,
  { cert, key }: Certificate,
  open: (own: StackOptions) => void,
): void {
  const own: StackOptions = { tls: { cert, key, minVersion: 'TLSv1.2' }, tls_port: numberOf(options.tls) };
  if (options.wss !== 0) own.ws_port = numberOf(options.wss);
  if (options.tls !== 0) return open(own);
  // The package listens for TLS wherever it has a certificate; --tls 0 says that nothing shall.
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

function numberOf(port: ListenPort): number {
  return port === 'auto' ? 0 : port;
}
