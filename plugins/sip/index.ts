/**
 * latchkey for the `sip` package (kirm/sip.js): wraps its `create`, adds the latch attributes to what a call sends, reads
 * those it receives, and keeps the package alive on hostile input. It imports no `sip` itself: the caller hands it over.
 */
import { SteadyEmitter } from '../../lib/index.js';
import type { Latchkey, Session } from '../../lib/index.js';
import {
  BoundCounters,
  Calls,
  DatagramLedger,
  TrustedProxies,
  GateCounters,
  UnshownTransactions,
  fromTag,
  toTag,
} from '../../lib/sip/index.js';
import type {
  Arrival,
  Dialog,
  ListenOptions,
  OnRequest,
  SipListeners,
  SipCounts,
  SipMessage,
  SipRequest,
  SipSignalling,
  SipSignallingEvents,
} from '../../lib/sip/index.js';
import { ConnectionBounds } from './connection-bounds.js';
import { SIP_LIMITS } from './limits.js';
import type { SipLimits } from './limits.js';
import { checkCreateOptions, checkLatchSipOptions, checkListenOptions } from './options.js';
import type { LatchSipOptions } from './options.js';
import type { SipOptions, SipPackage } from './sip-types.js';
import { Stack } from './stack.js';
import { openListeners } from './stack-set.js';
import { expectedSignalling, nextHop, resolveHop } from './target.js';
import type { Resolve } from './target.js';

export { hopSignalling, isLoopback } from '../../lib/sip/index.js';
export type * from '../../lib/sip/index.js';
export type * from './sip-types.js';
export { SIP_LIMITS } from './limits.js';
export type { ConnectionLimits } from './connection-bounds.js';
export type { MessageLimits, SipLimits } from './limits.js';
export type { LatchSipOptions } from './options.js';
export type { Stack } from './stack.js';
export type { Resolve, Target } from './target.js';

const DEFAULT_RINGING_MS = 200_000;
const DEFAULT_SILENCE_MS = 60_000;

/** Made by `latchSip`. */
export class LatchSip extends SteadyEmitter<SipSignallingEvents> implements SipSignalling {
  readonly #sip: SipPackage;
  readonly #calls: Calls;
  readonly #resolve: Resolve;
  readonly #stacks = new Set<Stack>();
  #hasWarned = false;
  readonly #gate = new GateCounters();
  readonly #bounds = new BoundCounters();
  readonly #ledger: DatagramLedger;
  readonly #proxies: TrustedProxies;
  readonly #connections: ConnectionBounds;
  readonly #transactions: UnshownTransactions;
  readonly #given: Partial<SipLimits>;
  readonly #limits: SipLimits;

  /** Made by `latchSip`, not by hand. */
  constructor(sip: SipPackage, latchkey: Latchkey, options: LatchSipOptions) {
    super('fault');
    checkLatchSipOptions(options);
    const {
      role,
      policy,
      srtp,
      resolve = resolveHop,
      shownRanges = [],
      trustedProxies = [],
      ports,
      limits = {},
    } = options;
    const { ringingMs = DEFAULT_RINGING_MS, maxSilenceMs = DEFAULT_SILENCE_MS } = options;
    this.#given = limits;
    this.#limits = { ...SIP_LIMITS, ...limits };
    this.#connections = new ConnectionBounds(this.#limits, this.#bounds);
    this.#transactions = new UnshownTransactions(this.#bounds, () => performance.now(), this.#limits);
    this.#ledger = new DatagramLedger(() => performance.now(), [...shownRanges, ...trustedProxies]);
    this.#proxies = new TrustedProxies(trustedProxies);
    this.#sip = sip;
    this.#resolve = resolve;
    this.#calls = new Calls(
      latchkey,
      {
        ...{
          ringingMs,
          maxSilenceMs,
          ...(role && { role }),
          ...(policy && { policy }),
          ...(srtp && { srtp }),
        },
        ...{ bounds: this.#bounds, strangers: this.#limits, ports },
      },
      {
        onSession: (session, message) => this.tell('session', session, message),
        onEnd: ({ session, callId }, reason) => this.tell('ended', { session, call: callId, reason }),
        onShown: (address) => this.#ledger.show(address),
        onPortFault: (error) => this.#fault('ports', error),
      },
    );
  }

  /** What was refused at the gate, before the package saw it, and how often a bound held somebody back, by all stacks together. */
  get counters(): SipCounts {
    return { gate: this.#gate.counts, bounds: this.#bounds.counts };
  }

  displaceUnconfirmed(newcomer: Dialog): boolean {
    return this.#calls.displaceUnconfirmed(newcomer);
  }

  isUnconfirmed(dialog: Dialog): boolean {
    return this.#calls.isUnconfirmed(dialog);
  }

  /**
   * As `sip.create`, with the same arguments; port 0 lets the system choose. `stack.ready` tells when all listeners are up,
   * or what is wrong with one. What the package throws at once (a bad certificate) is thrown.
   *
   * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts.
   */
  create(options: SipOptions, onRequest: OnRequest): Stack {
    checkCreateOptions(options);
    const stack: Stack = new Stack(options, onRequest, {
      sip: this.#sip,
      calls: this.#calls,
      resolve: this.#resolve,
      proxies: this.#proxies,
      gate: this.#gate,
      ...{ ledger: this.#ledger, bounds: this.#bounds, transactions: this.#transactions },
      connections: this.#connections,
      ...{ given: this.#given, limits: this.#limits },
      onRejected: (dialog, message, { status, warning }) => {
        const call = String(message.headers['call-id'] ?? '');
        this.tell('rejected', { session: dialog?.session, call, status, warning, message });
      },
      isHeard: () => this.listenerCount('received') > 0,
      onReceived: (message, remote) => this.tell('received', message, remote),
      onFault: (where, error) => this.#fault(where, error),
      onDestroyed: (destroyed) => {
        this.#stacks.delete(destroyed);
        if (this.#stacks.size === 0) this.#calls.endAll();
      },
    });
    this.#stacks.add(stack);
    return stack;
  }

  /** Opens one listener for each transport that has a port: a `create` for each, and the wait for all. */
  async listen(options: ListenOptions, onArrival: (arrival: Arrival) => void): Promise<SipListeners> {
    checkListenOptions(options);
    return openListeners((own, onRequest) => this.create(own, onRequest), options, onArrival);
  }

  /**
   * The session of this message's dialog. For an incoming INVITE its offer has been read when `onRequest` runs; for an INVITE
   * about to go out the session is made here, its signalling chosen by the hop that the URI (or top Route) names.
   */
  session(message: SipMessage): Session | undefined {
    return this.dialog(message)?.session;
  }

  /** The dialog of this message, which `session(message)` is the session of. */
  dialog(message: SipMessage): Dialog | undefined {
    const known = this.#calls.dialogOf(message);
    // An INVITE of ours that failed may be sent again; one of the peer's whose call is over is not ours to send.
    if (known && (!known.session.isClosed || !known.isOutgoing)) return known;
    if (message.method !== 'INVITE' || toTag(message) !== undefined || fromTag(message) === undefined)
      return known;
    return this.#calls.outgoingInvite(message as SipRequest, this.#expectedSignalling(message));
  }

  #expectedSignalling(request: SipMessage) {
    const hop = nextHop(this.#sip, request);
    // A flow is known to the stack that has it, and to no other.
    const stack = hop && [...this.#stacks].find((one) => one.isFlowUri(hop));
    return stack ? stack.expectedSignalling(request) : expectedSignalling(hop);
  }

  protected override tellFailure(error: unknown): boolean {
    return this.tell('fault', { where: 'application', error });
  }

  /** An exception of the application's that nobody listens for is not lost: the first becomes a warning of the process. */
  #fault(where: string, error: unknown): void {
    if (this.tell('fault', { where, error }) || where !== 'application' || this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(error instanceof Error ? error : String(error), 'LatchkeyFault');
  }
}

/**
 * Puts latchkey under the `sip` package.
 *
 * @param sip The package: `import sip from 'sip'`.
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts.
 */
export function latchSip(sip: SipPackage, latchkey: Latchkey, options: LatchSipOptions = {}): LatchSip {
  return new LatchSip(sip, latchkey, options);
}
