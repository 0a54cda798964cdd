// As what a peer was told of the sockets of one stream. They are ours for as long as they are told: nobody's SDP may aim at
// them (protocol.md 5.7).
import type { TransportAddress } from '../../wire/index.js';
import type { LocalPort } from '../network-path.js';
import type { OwnSockets } from '../own-sockets.js';

export class ToldSockets {
  #told: readonly TransportAddress[] = [];

  constructor(private readonly ownSockets: OwnSockets) {}

  /** The peer is told this address and these ports from now on, and no others. Without an address it is told none. */
  renew(advertised: string | undefined, ports: readonly LocalPort[]): void {
    for (const { address, port } of this.#told) this.ownSockets.remove(address, port);
    const isTold = advertised !== undefined;
    this.#told = isTold ? ports.map(({ local }) => ({ address: advertised, port: local.port })) : [];
    for (const { address, port } of this.#told) this.ownSockets.add(address, port);
  }
}
