/**
 * What came over UDP from each address and what went there (protocol.md P11). The source of a datagram may be forged: until an IP
 * address is shown (protocol.md 8), nobody there gets more than three times the bytes that came in its name. It counts and says
 * yes or no; it sends nothing.
 */
import { AddressRanges, bareIp } from './address-ranges.js';

/** An IP address and a port; the port alone says nothing, but an answer to one port is not to be paid for by another. */
export interface LedgerAddress {
  readonly address: string;
  readonly port: number;
}

interface Account {
  receivedBytes: number;
  sentBytes: number;
}

const AMPLIFICATION_LIMIT = 3;
/**
 * Ports of one IP address whose accounts are kept, and accounts in all. An account is needed from a request until its answer, which
 * takes milliseconds; one that is forgotten holds its owner to nothing until more comes from there. 16,384 take some 3 MB.
 */
const MAX_PORTS = 1024;
const MAX_ACCOUNTS = 16_384;
/** After this long without a sign somebody else may have the address; a call that goes on shows it anew with each ACK. */
const SHOWN_KEPT_MS = 600_000;
/** As many as a large site has phones; of more, the one shown longest ago is held to its bytes again. */
const MAX_SHOWN = 16_384;

export class DatagramLedger {
  readonly #nowMs: () => number;
  readonly #owned: AddressRanges;
  /** By IP address, then by port; who was heard longest ago first. */
  readonly #accounts = new Map<string, Map<number, Account>>();
  readonly #shownMs = new Map<string, number>();
  #size = 0;

  /**
   * @param ranges Ranges (CIDR) that the owner says somebody receives in: a carrier's.
   * @throws LatchkeyError LATCHKEY_OPTION for a range that is none.
   */
  constructor(nowMs: () => number, ranges: readonly string[] = []) {
    this.#nowMs = nowMs;
    this.#owned = new AddressRanges(ranges);
  }

  /** How many accounts there are. */
  get size(): number {
    return this.#size;
  }

  noteReceived({ address, port }: LedgerAddress, sizeBytes: number): void {
    const ip = bareIp(address);
    const ports = this.#accounts.get(ip) ?? new Map<number, Account>();
    const account = ports.get(port) ?? { receivedBytes: 0, sentBytes: 0 };
    if (!ports.delete(port)) this.#size++;
    account.receivedBytes += sizeBytes;
    ports.set(port, account);
    this.#accounts.delete(ip);
    this.#accounts.set(ip, ports);
    if (ports.size > MAX_PORTS) this.#forget(ports, ports.keys().next().value);
    if (this.#size > MAX_ACCOUNTS) this.#forgetOldest();
  }

  /** Somebody receives at this IP address. */
  show(address: string): void {
    const ip = bareIp(address);
    this.#shownMs.delete(ip);
    this.#shownMs.set(ip, this.#nowMs());
    if (this.#shownMs.size > MAX_SHOWN) this.#shownMs.delete(this.#shownMs.keys().next().value ?? '');
  }

  isShown(address: string): boolean {
    const shownMs = this.#shownMs.get(bareIp(address));
    if (shownMs !== undefined && this.#nowMs() - shownMs <= SHOWN_KEPT_MS) return true;
    return this.isOwned(address);
  }

  /** It lies in a range of the owner's. */
  isOwned(address: string): boolean {
    return this.#owned.has(address);
  }

  /** Whether so many bytes may go there now. */
  fits({ address, port }: LedgerAddress, sizeBytes: number): boolean {
    if (this.isShown(address)) return true;
    const account = this.#accounts.get(bareIp(address))?.get(port);
    return (
      account !== undefined && account.sentBytes + sizeBytes <= AMPLIFICATION_LIMIT * account.receivedBytes
    );
  }

  /** The same, and they go. */
  take(to: LedgerAddress, sizeBytes: number): boolean {
    const isFree = this.fits(to, sizeBytes);
    const account = this.#accounts.get(bareIp(to.address))?.get(to.port);
    if (isFree && account) account.sentBytes += sizeBytes;
    return isFree;
  }

  #forgetOldest(): void {
    const [ip, ports] = this.#accounts.entries().next().value ?? [];
    if (ip === undefined || !ports) return;
    this.#forget(ports, ports.keys().next().value);
    if (ports.size === 0) this.#accounts.delete(ip);
  }

  #forget(ports: Map<number, Account>, port: number | undefined): void {
    if (port !== undefined && ports.delete(port)) this.#size--;
  }
}
