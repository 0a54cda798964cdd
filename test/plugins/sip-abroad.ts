// The sip package as it is between two machines: what it tells of its flows names an address that is not loopback, while
// every packet stays on 127.0.0.1. So a hop that nobody protects can be tested without leaving this machine.
import type { SipFlow } from '../../lib/sip/index.js';
import type { SipLogger, SipPackage } from '../../plugins/sip/index.js';

/** RFC 5737: nobody's. */
const FOREIGN = '192.0.2.1';

function seenFromAbroad(flow: SipFlow): SipFlow {
  const { local } = flow;
  return { ...flow, address: FOREIGN, ...(local && { local: { ...local, address: FOREIGN } }) };
}

export function abroad(sip: SipPackage): SipPackage {
  return {
    ...sip,
    create: (options, onRequest) => {
      const told =
        (log: SipLogger['recv']): SipLogger['recv'] =>
        (message, flow) =>
          log?.(message, seenFromAbroad(flow));
      const { logger } = options;
      const receive = onRequest as (request: never, flow: SipFlow) => void;
      return sip.create(
        { ...options, logger: { ...logger, recv: told(logger?.recv), send: told(logger?.send) } },
        (request: never, flow: SipFlow) => receive(request, seenFromAbroad(flow)),
      );
    },
  };
}
