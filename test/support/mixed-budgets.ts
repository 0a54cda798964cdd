// What goes to addresses that have verified nothing, held against protocol.md 5.4, 5.7, P3 and P11: at most three times the bytes
// that came from there, and beside that the few datagrams that 5.7 lets go to an address which an SDP names. Which of them were
// the few cannot be seen from outside: any that could have been may count as one, as long as there are not too many.
import { MixedViolation } from './mixed-rules.js';

const LIMIT = 3;
const FEW = 3;
const MINUTE_MS = 60_000;
const PER_ADDRESS = 10;
const PER_BLOCK = 40;
/** Of more datagrams to one address than this the oldest stay paid for. */
const MAX_PAID = 60;
const MAX_FEW = 400;

export interface Unproven {
  readonly atMs: number;
  readonly ip: string;
  readonly sizeBytes: number;
  /** The generation and address whose few it may be one of; undefined: it must be paid for by what came. */
  readonly few: string | undefined;
  /** Nobody is known to receive there: so many a minute may go to the address, and to its /24. */
  readonly isBounded: boolean;
}

interface Account {
  receivedBytes: number;
  paidBytes: number;
  readonly paid: Unproven[];
  /** To a peer that proves nothing. */
  payloadBytes: number;
}

export class Budgets {
  readonly #accounts = new Map<string, Account>();
  readonly #fewOf = new Map<string, number>();
  readonly #bounded: Unproven[] = [];

  noteReceived(key: string, sizeBytes: number): void {
    this.#account(key).receivedBytes += sizeBytes;
  }

  /** A message of the protocol's goes to an address that has verified nothing for its call. */
  judgeMessage(key: string, sent: Unproven): void {
    const account = this.#account(key);
    account.paid.push(sent);
    account.paidBytes += sent.sizeBytes;
    while (account.paidBytes > LIMIT * account.receivedBytes) {
      const few = this.#takeFew(account.paid);
      if (!few)
        throw new MixedViolation(
          `${sent.few === undefined ? '5.4' : '5.7'}: ${account.paidBytes} bytes to ${key}, which sent ${account.receivedBytes}`,
        );
      account.paidBytes -= few.sizeBytes;
    }
    if (account.paid.length > MAX_PAID) account.paid.shift();
  }

  /** Payload goes to a peer that proves nothing and is not shown. */
  judgePayload(key: string, sizeBytes: number): void {
    const account = this.#account(key);
    account.payloadBytes += sizeBytes;
    if (account.payloadBytes > LIMIT * account.receivedBytes)
      throw new MixedViolation(
        `P11: ${account.payloadBytes} bytes of payload to ${key}, which sent ${account.receivedBytes} and is not shown`,
      );
  }

  /** The longest of these that may be one of 5.7's few. */
  #takeFew(paid: Unproven[]): Unproven | undefined {
    let longest: Unproven | undefined;
    for (const one of paid)
      if (one.sizeBytes > (longest?.sizeBytes ?? 0) && this.#mayBeFew(one)) longest = one;
    if (longest?.few === undefined) return undefined;
    paid.splice(paid.indexOf(longest), 1);
    this.#fewOf.set(longest.few, (this.#fewOf.get(longest.few) ?? 0) + 1);
    if (longest.isBounded && this.#bounded.push(longest) > MAX_FEW) this.#bounded.shift();
    return longest;
  }

  #mayBeFew(one: Unproven): boolean {
    if (one.few === undefined || (this.#fewOf.get(one.few) ?? 0) >= FEW) return false;
    if (!one.isBounded) return true;
    const toBlock = [...this.#bounded, one].filter(({ ip }) => blockOf(ip) === blockOf(one.ip));
    const toAddress = toBlock.filter(({ ip }) => ip === one.ip);
    return isWithin(toAddress, PER_ADDRESS) && isWithin(toBlock, PER_BLOCK);
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (!account) {
      account = { receivedBytes: 0, paidBytes: 0, paid: [], payloadBytes: 0 };
      this.#accounts.set(key, account);
    }
    return account;
  }
}

/** No more than so many in any minute. */
function isWithin(all: readonly Unproven[], limit: number): boolean {
  const times = all.map(({ atMs }) => atMs).sort((a, b) => a - b);
  return times.every((atMs, i) => (times[i + limit] ?? Infinity) - atMs >= MINUTE_MS);
}

const blockOf = (address: string): string => address.slice(0, address.lastIndexOf('.'));
