// `serve --watch`: the page that shows the rooms. It makes the plugin's server, and says once where it is.
import { isIPv6 } from 'node:net';
import { LatchkeyError } from '../index.js';
import { isLoopback } from '../sip/index.js';
import type { DistributionServer } from '../server/index.js';
import { formatAddress } from '../wire/index.js';
import { Failure } from '../phone/failure.js';
import { createWatch } from '../../plugins/watch/index.js';
import type { Watch } from '../../plugins/watch/index.js';
import type { Pem } from './serve-https.js';
import type { ServeOptions } from './serve-options.js';

/** Whoever starts the server may choose the token, and knows the address then: it is not printed. */
export const TOKEN_VARIABLE = 'LATCHKEY_WATCH_TOKEN';

export interface ServeWatch {
  readonly watch: Watch;
  /** `address:port`. */
  readonly at: string;
}

/** Throws a Failure naming what is wrong. The token goes to standard error alone: standard output is what logs are made of. */
export async function startWatch(
  server: DistributionServer,
  { address, port }: NonNullable<ServeOptions['watch']>,
  advertise: ServeOptions['advertise'],
  pem: Pem | undefined,
  onFault: (error: unknown) => void,
): Promise<ServeWatch> {
  const token = process.env[TOKEN_VARIABLE];
  try {
    const abroad = { ...pem, host: advertise.find((one) => isIPv6(one) === isIPv6(address)) };
    const listen = { address, port: port === 'auto' ? 0 : port, ...(!isLoopback(address) && abroad) };
    const watch = createWatch({ server, listen, token });
    watch.on('fault', onFault);
    const at = formatAddress(await watch.start());
    if (token === undefined) console.error(`latchkey: watch the rooms at ${watch.url}`);
    return { watch, at };
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    if (error.code === 'LATCHKEY_LISTEN') throw new Failure(`--${error.message}`);
    throw new Failure(error.message.replace('option "token"', TOKEN_VARIABLE));
  }
}
