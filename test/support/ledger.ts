// The witness at a server's wire. Out of nothing but the datagrams and the agreed keys it works out which address
// has answered which challenge, and holds every datagram that leaves, and every payload handed on, against
// protocol.md section 9. It does not ask the engine what it thinks: `violations` must stay empty.
import type { Component, Port } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import type { EngineHost, Observer } from './engine-host.js';
import type { Datagram } from './network.js';
import { isIntegrityValid, isStun, makeProof, readMessage } from './oracle.js';
import type { Pair } from './pair.js';

interface Outstanding {
  readonly pair: Pair;
  readonly generation: Pair['generation'];
  readonly word: Uint8Array;
}

interface Account {
  receivedBytes: number;
  sentBytes: number;
  /** Sessions in which this address has answered a challenge from this socket. */
  readonly verifiedFor: Set<string>;
  /** The session that verified this address last: on a shared port it is that one's (protocol.md 5.1). */
  lastVerifiedFor: string | undefined;
  readonly outstanding: Map<string, Outstanding>;
  readonly direct: Set<string>;
}

export interface Violation {
  readonly property: 'P1' | 'P3' | 'P4' | 'P8' | 'P9';
  readonly atMs: number;
  readonly text: string;
}

const at = ({ address, port }: TransportAddress): string => `${address}|${port}`;

export class Ledger implements Observer {
  readonly violations: Violation[] = [];
  /** Datagrams beyond the three-fold to addresses that were signalled: rule 7's few, by IP address. */
  readonly directTimesMs = new Map<string, number[]>();
  /** A NAT gives a port that one client has left to another: until that one has verified it, nobody can know. */
  isPortReused = false;
  readonly #host: EngineHost;
  readonly #pairs: readonly Pair[];
  readonly #signalled = new Set<string>();
  readonly #closed = new Set<string>();
  readonly #accounts = new Map<string, Account>();
  /** Sessions whose application sent these bytes: what is sent again must be one of theirs. */
  readonly #spoken = new Map<string, Set<string>>();

  constructor(host: EngineHost, pairs: readonly Pair[]) {
    this.#host = host;
    this.#pairs = pairs;
    host.observers.push(this);
  }

  get #callers(): ReadonlySet<string> {
    return new Set(this.#pairs.map((pair) => pair.caller.host.name));
  }

  /** Tells of an address named in a peer's SDP: only there may rule 7 send without having received. */
  addSignalled(address: TransportAddress): void {
    this.#signalled.add(at(address));
  }

  markClosed(sessionId: string): void {
    this.#closed.add(sessionId);
    for (const account of this.#accounts.values()) account.verifiedFor.delete(sessionId);
  }

  onReceived(port: Port, datagram: Datagram): void {
    const account = this.#account(port, datagram.source);
    account.receivedBytes += datagram.bytes.length;
    const message = readMessage(datagram.bytes);
    if (message?.kind !== 'response') return;
    const question = account.outstanding.get(message.transaction.toString('hex'));
    if (question === undefined || message.proof === undefined) return;
    if (!isIntegrityValid(datagram.bytes, question.generation.integrity)) return;
    const isProven = ([1, 2] as const).some((component) =>
      makeProof(question.generation, question.generation, component, question.word).equals(
        message.proof as Buffer,
      ),
    );
    const { id } = question.pair.server.session;
    if (!isProven || this.#closed.has(id)) return;
    account.verifiedFor.add(id);
    account.lastVerifiedFor = id;
  }

  onTransmitted(port: Port, bytes: Uint8Array, destination: TransportAddress, component?: Component): void {
    const account = this.#account(port, destination);
    if (component !== undefined) {
      const { id } = component.session;
      const text = Buffer.from(bytes).toString('latin1');
      this.#spoken.set(text, (this.#spoken.get(text) ?? new Set()).add(id));
      if (this.#closed.has(id)) this.#violate('P9', `payload of closed session ${id} to ${at(destination)}`);
      if (!account.verifiedFor.has(id))
        this.#violate(
          'P4',
          `payload to ${at(destination)}, which has answered no challenge of session ${id}`,
        );
      return;
    }
    if (!isStun(bytes)) return this.#noteResent(account, bytes, destination);
    this.#noteChallenge(account, bytes);
    if (account.verifiedFor.size > 0) return;
    account.sentBytes += bytes.length;
    if (account.sentBytes <= 3 * account.receivedBytes) return;
    if (this.#signalled.has(at(destination))) this.#noteDirect(account, bytes, destination);
    else
      this.#violate(
        'P3',
        `${account.sentBytes} bytes to ${at(destination)}, which sent ${account.receivedBytes} and proved nothing`,
      );
  }

  onDelivered(port: Port, component: Component, datagram: Datagram): void {
    const { id } = component.session;
    const { verifiedFor, lastVerifiedFor } = this.#account(port, datagram.source);
    if (this.#closed.has(id)) this.#violate('P9', `payload handed to closed session ${id}`);
    if (lastVerifiedFor !== undefined && lastVerifiedFor !== id && !this.#closed.has(lastVerifiedFor))
      this.#violate(
        'P8',
        `session ${id} was handed payload from ${at(datagram.source)}, now of ${lastVerifiedFor}`,
      );
    if (!verifiedFor.has(id))
      this.#violate(
        'P1',
        `payload taken from ${at(datagram.source)}, which has answered no challenge of session ${id}`,
      );
    const owner = this.#pairs.find((pair) => pair.server.session.id === id);
    if (this.isPortReused && this.#callers.has(datagram.origin)) return;
    if (owner !== undefined && datagram.origin !== owner.caller.host.name)
      this.#violate('P8', `session of ${owner.name} was handed a datagram of ${datagram.origin}`);
  }

  /** Media that was sent to a path now gone goes out again: the same session's, and only where that session was verified. */
  #noteResent(account: Account, bytes: Uint8Array, destination: TransportAddress): void {
    const speakers = this.#spoken.get(Buffer.from(bytes).toString('latin1'));
    const id = account.lastVerifiedFor;
    if (id === undefined || this.#closed.has(id) || !speakers?.has(id))
      this.#violate('P1', `the engine itself sent media to ${at(destination)}`);
  }

  #noteChallenge(account: Account, bytes: Uint8Array): void {
    const message = readMessage(bytes);
    if (message?.kind !== 'challenge' || message.word === undefined) return;
    for (const pair of this.#pairs)
      for (const generation of pair.generations)
        if (message.username === `${generation.proverTag}:${generation.verifierTag}`)
          account.outstanding.set(message.transaction.toString('hex'), {
            pair,
            generation,
            word: message.word,
          });
  }

  #noteDirect(account: Account, bytes: Uint8Array, destination: TransportAddress): void {
    const nowMs = this.#host.clock.nowMs;
    const transaction = readMessage(bytes)?.transaction.toString('hex') ?? '';
    const times = this.directTimesMs.get(destination.address) ?? [];
    this.directTimesMs.set(destination.address, times);
    times.push(nowMs);
    account.direct.add(transaction);
    const lastMinute = times.filter((timeMs) => timeMs > nowMs - 60_000).length;
    if (lastMinute > 10) this.#violate('P3', `${lastMinute} datagrams in a minute to ${destination.address}`);
  }

  #account(port: Port, remote: TransportAddress): Account {
    const key = `${at(port.local)}>${at(remote)}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = {
        receivedBytes: 0,
        sentBytes: 0,
        verifiedFor: new Set(),
        lastVerifiedFor: undefined,
        outstanding: new Map(),
        direct: new Set(),
      };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #violate(property: Violation['property'], text: string): void {
    this.violations.push({ property, atMs: this.#host.clock.nowMs, text });
  }
}
