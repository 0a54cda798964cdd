// As what a peer was told of the sockets of one stream. They are ours for as long as they are told: nobody's SDP may aim at
// them (protocol.md 5.7).
import type { TransportAddress } from '../../wire/index.js';
import type { LocalPort } from '../network-path.js';
import type { OwnSockets } from '../own-sockets.js';

const NONE: readonly TransportAddress[] = [];

export class ToldSockets {
  #told = NONE;

  constructor(private readonly ownSockets: OwnSockets) {}

  /** The peer is told this address and these ports from now on, and no others. Without an address it is told none. */
  renew(advertised: string | undefined, ports: readonly LocalPort[]): void {
    for (const { address, port } of this.#told) this.ownSockets.remove(address, port);
    const toldAs = (address: string, { local }: LocalPort) =>
      local.address === address ? local : { address, port: local.port };
    this.#told = advertised === undefined ? NONE : ports.map((port) => toldAs(advertised, port));
    for (const { address, port } of this.#told) this.ownSockets.add(address, port);
  }
}
