// Notices that this machine's own address has changed: the one that is bound is gone, or the server is reached from another
// one now. It asks the system every second, since Node has no event for it, and moves nothing itself.
import { networkInterfaces } from 'node:os';
import type { TransportAddress } from '../wire/index.js';
import { routedAddress } from './local-address.js';

const INTERVAL_MS = 1000;

export class AddressWatch {
  #timer: NodeJS.Timeout | undefined;

  /** Without a `target` the address was chosen by the user: it is left only when it is gone, and when it is back it is new. */
  constructor(
    private bound: string,
    private readonly target: TransportAddress | undefined,
    private readonly system: {
      readonly addresses: () => readonly string[];
      readonly routed: (address: string, port: number) => Promise<string | undefined>;
    } = { addresses: systemAddresses, routed: routedAddress },
  ) {}

  /** The address that the media is bound to, or is to be. */
  get local(): string {
    return this.bound;
  }

  /** `onChange` gets the address to bind to. */
  start(onChange: (address: string) => void): void {
    let wasGone = false;
    const look = async (): Promise<void> => {
      const { addresses, routed } = this.system;
      const isGone = !isHere(this.bound, addresses());
      const wanted = this.target ? await routed(this.target.address, this.target.port) : this.bound;
      const isNew = wanted !== undefined && wanted !== this.bound;
      const isBack = wasGone && !isGone && wanted === this.bound;
      wasGone = isGone && !isNew;
      if (this.#timer === undefined || wanted === undefined) return;
      if (!isNew && !isBack) return;
      this.bound = wanted;
      onChange(wanted);
    };
    this.#timer = setInterval(() => void look(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function systemAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

/** 127/8 is all there where any of it is; 0.0.0.0 is everywhere. */
function isHere(address: string, addresses: readonly string[]): boolean {
  return address === '0.0.0.0' || address.startsWith('127.') || addresses.includes(address);
}
