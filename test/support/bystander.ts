// A host that has nothing to do with the call: it answers nothing, and counts what it is sent all the same.
import type { TransportAddress } from '../../lib/wire/address.js';
import { instantLink } from './network.js';
import type { Datagram, Network, Node } from './network.js';

export class Bystander implements Node {
  readonly name: string;
  readonly local: TransportAddress;
  readonly heard: Datagram[] = [];
  /** What was sent in its name by whoever can forge a source address. */
  claimedBytes = 0;

  constructor(network: Network, local: TransportAddress, name = 'bystander') {
    this.name = name;
    this.local = local;
    network.attach(local.address, this, instantLink);
  }

  get heardBytes(): number {
    return this.heard.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  handleDatagram(datagram: Datagram): void {
    this.heard.push(datagram);
  }
}
