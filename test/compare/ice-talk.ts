// A phone's ICE towards a server with one candidate: its checks until one is answered, its consent checks from then on (RFC 7675), and
// its answers to the server's. It uses one path, that to the server, and cares for no other.
import { randomBytes } from 'node:crypto';
import type { IceCredentials, TransportAddress } from '../../lib/wire/index.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';

export type IceRole = 'controlling' | 'controlled';

const CHECK_MS = 50;
/** RFC 7675 5.1: every 5 s, by 0.8 to 1.2 of it at random. */
const CONSENT_MS = 5000;
const SUCCESS = 0x0101;
const HEADER_BYTES = 20;

export class IceTalk {
  readonly #phone: IcePhone;
  readonly #send: (bytes: Uint8Array, to: TransportAddress) => void;
  readonly #own: IceCredentials;
  #transactions: string[] = [];
  #onConnected: (() => void) | undefined;

  constructor(own: IceCredentials, send: (bytes: Uint8Array, to: TransportAddress) => void) {
    this.#own = own;
    this.#send = send;
    this.#phone = new IcePhone('');
  }

  /** Checks the server's candidate; `onConnected` is called once, when it has answered. */
  start(to: TransportAddress, peer: IceCredentials, role: IceRole, onConnected: () => void): void {
    this.#onConnected = onConnected;
    const check = () => {
      const transaction = randomBytes(12);
      this.#transactions.push(transaction.toString('hex'));
      this.#send(
        this.#phone.check({
          ...{ transaction, role, isNominating: role === 'controlling' },
          ...{ username: `${peer.ufrag}:${this.#own.ufrag}`, password: peer.pwd },
        }),
        to,
      );
      const consentMs = CONSENT_MS * (0.8 + 0.4 * Math.random());
      setTimeout(check, this.#onConnected ? CHECK_MS : consentMs);
    };
    check();
  }

  /** Whatever came to the port. */
  handle(bytes: Buffer, source: TransportAddress): void {
    const check = readServerCheck(bytes, this.#own.pwd);
    if (check) return this.#send(this.#phone.answer(check, source, this.#own.pwd), source);
    if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== SUCCESS) return;
    if (!this.#transactions.includes(bytes.subarray(8, HEADER_BYTES).toString('hex'))) return;
    const connected = this.#onConnected;
    this.#onConnected = undefined;
    connected?.();
  }
}
