// What `latchkey serve` listens on, as signalling wants to be told: a port that is off is left out.
import type { ListenOptions } from '../sip/index.js';
import type { ListenPort } from '../server/media-sockets.js';
import type { Certificate } from './certificate.js';
import type { ServeOptions } from './serve-options.js';

export function listenOptions(options: ServeOptions, certificate: Certificate | undefined): ListenOptions {
  const { listen: address, advertise, udp, tcp, tls, ws, wss } = options;
  return {
    address,
    advertise,
    udp: portOf(udp),
    tcp: portOf(tcp),
    tls: portOf(tls),
    ws: portOf(ws),
    wss: portOf(wss),
    cert: certificate?.cert,
    key: certificate?.key,
  };
}

function portOf(port: ListenPort): number | undefined {
  if (port === 'auto') return 0;
  return port === 0 ? undefined : port;
}
