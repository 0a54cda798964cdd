// `serve --https`: keys and sessions over HTTPS (protocol.md 2) beside SIP, for the same callers: users by Basic (RFC 7617), carriers by
// their address, phones by their certificate. It listens and asks who is there; what is answered is the plugin's.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { DistributionServer } from '../server/index.js';
import { AddressRanges, isPassword, readBasic, sourceOf } from '../sip/index.js';
import { formatAddress } from '../wire/index.js';
import { Failure } from '../phone/failure.js';
import { latchHttps } from '../../plugins/https/index.js';
import type { Ask, LatchHttps } from '../../plugins/https/index.js';
import type { ServeAdmission } from './serve-admission.js';
import type { ServeOptions } from './serve-options.js';

export interface Pem {
  readonly cert: string;
  readonly key: string;
}

/** Seconds after which to ask again at a server that lets its calls end. */
const RETRY_S = '60';

export class ServeHttps {
  #admission: ServeAdmission;
  #resources: LatchHttps | undefined;
  /** One for each address. */
  readonly #listeners: Server[] = [];
  #isDraining = false;
  readonly #realm: string;

  constructor(options: Pick<ServeOptions, 'realm'>, admission: ServeAdmission) {
    this.#realm = options.realm;
    this.#admission = admission;
  }

  readonly findKey = (kid: string): Uint8Array | undefined => this.#resources?.findKey(kid);

  get counters() {
    return this.#resources?.counters;
  }

  /** Where it listens, once it does: `address:port`, two with a comma. Throws a Failure naming the port that cannot be had. */
  async start(
    server: DistributionServer,
    { listen, https }: Pick<ServeOptions, 'listen' | 'https'>,
    pem: Pem,
    onFault: (error: unknown) => void,
  ): Promise<string> {
    this.#resources = latchHttps({
      mayAsk: (ask) => this.#whoAsks(ask),
      challenge: `Basic realm="${this.#realm}", charset="UTF-8"`,
      sessions: {
        latchkey: server.latchkey,
        join: (room, session, asker) => (this.#mayCall(asker, room) ? server.seat(room, session) : undefined),
      },
      onFault,
    });
    const { clientCa } = this.#admission;
    const trust = {
      ca: clientCa,
      requestCert: clientCa !== undefined,
      rejectUnauthorized: clientCa !== undefined,
    };
    const at: string[] = [];
    for (const address of listen) {
      const listener = createServer({ ...pem, ...trust }, (request, response) =>
        this.#serve(request, response),
      );
      this.#listeners.push(listener);
      // What a stranger's handshake comes to is no fault of ours.
      listener.on('tlsClientError', (_error, socket: TLSSocket) => socket.destroy());
      listener.listen(https === 'auto' ? 0 : https, address);
      try {
        await once(listener, 'listening');
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        throw new Failure(`--https ${https} cannot be had on ${address} (${code})`);
      }
      at.push(formatAddress(listener.address() as AddressInfo));
    }
    return at.join(',');
  }

  /** Another certificate, other users: those who are connected stay. */
  renew(admission: ServeAdmission, pem: Pem | undefined): void {
    this.#admission = admission;
    if (!pem) return;
    for (const listener of this.#listeners) listener.setSecureContext({ ...pem, ca: admission.clientCa });
  }

  /** Nobody new from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  close(): void {
    this.#resources?.close();
    for (const listener of this.#listeners) {
      listener.closeAllConnections();
      listener.close();
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isDraining || request.method !== 'POST') return this.#resources?.handler(request, response);
    response.writeHead(503, { 'Retry-After': RETRY_S, Connection: 'close' }).end();
  }

  /** A user's name; for who needs none the address. What somebody made only he deletes. */
  #whoAsks({ authorization, address = '', owner }: Ask): string | undefined {
    const asker = this.#nameOf(authorization, address);
    return owner === undefined || owner === asker ? asker : undefined;
  }

  #nameOf(authorization: string | undefined, address: string): string | undefined {
    const { admission, clientCa } = this.#admission;
    // With client certificates the handshake has let nobody else in.
    if (admission === 'anybody' || clientCa !== undefined) return nameless(address);
    const { users, trunks = [] } = admission ?? {};
    if (new AddressRanges(trunks).has(address)) return nameless(address);
    const [name, password] = readBasic(authorization) ?? [];
    if (!users || name === undefined || password === undefined) return undefined;
    return isPassword(users.get(name), { name, realm: this.#realm, password }) ? `user ${name}` : undefined;
  }

  #mayCall(asker: string, room: string): boolean {
    const { admission } = this.#admission;
    if (admission === 'anybody' || !asker.startsWith('user ')) return true;
    const rooms = admission?.users?.get(asker.slice('user '.length))?.rooms;
    return rooms === undefined || rooms.has(room);
  }
}

function nameless(address: string): string {
  return `from ${sourceOf(address)}`;
}
