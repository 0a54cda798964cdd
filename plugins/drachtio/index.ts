/**
 * latchkey for drachtio-srf 5: gets in between `Srf` and its daemon, adds the latch attributes to what a call sends and reads those
 * that it receives. Applications use `createUAS`, `createUAC`, `createB2BUA` and dialogs as before. It imports no `drachtio-srf`
 * itself: the caller hands its `Srf` over.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type Srf from 'drachtio-srf';
import { LatchkeyError, SteadyEmitter, stripKeys } from '../../lib/index.js';
import type { Latchkey, Session } from '../../lib/index.js';
import { BoundCounters, Calls, GateCounters } from '../../lib/sip/index.js';
import type { EndedCall, Fault, RejectedCall, SipCounts, SipMessage } from '../../lib/sip/index.js';
import { hookApp } from './agent-hook.js';
import { CallRegistry } from './call-registry.js';
import { DaemonConnection } from './connection.js';
import type { DrachtioApp, DrachtioReference, DrachtioWire } from './drachtio-types.js';
import { HandlerFaults } from './handler-faults.js';
import { readOptions } from './options.js';
import type { LatchDrachtioOptions } from './options.js';

export type { LatchDrachtioOptions } from './options.js';
export type {
  EndedCall,
  EndReason,
  Fault,
  LendPorts,
  LentPorts,
  RejectedCall,
  SipCounts,
  SipMessage,
} from '../../lib/sip/index.js';

export interface LatchDrachtioEvents {
  /** A session was made, before anything was read into it or written out of it: of either side's INVITE, or for one more fork of yours. */
  session: [session: Session, message: SipMessage];
  ended: [call: EndedCall];
  /** The peer's description was not accepted: the plugin has answered, or has hung up. */
  rejected: [call: RejectedCall];
  /** What a daemon said could not be read, or a handler of yours threw. For logs: nothing is to be done. */
  fault: [fault: Fault];
}

/** What tells a call: a request or a response of either side, or a dialog. */
export type CallReference = Srf.SrfRequest | Srf.SrfResponse | Srf.Dialog;

const latched = new WeakSet<object>();

/** Made by `latchDrachtio`. */
export class LatchDrachtio extends SteadyEmitter<LatchDrachtioEvents> {
  readonly #registry = new CallRegistry();
  readonly #gate = new GateCounters();
  readonly #bounds = new BoundCounters();

  /** Made by `latchDrachtio`, not by hand. */
  constructor(srf: Srf, latchkey: Latchkey, options: LatchDrachtioOptions) {
    super('fault');
    const { role, policy, srtp, ports, ringingMs, maxSilenceMs, trust } = readOptions(options);
    const { app } = srf as unknown as { app?: DrachtioApp };
    if (!app) throw new LatchkeyError('LATCHKEY_OPTION', 'latchDrachtio needs a Srf of drachtio-srf 5');
    if (latched.has(app)) throw new LatchkeyError('LATCHKEY_STATE', 'this Srf has latchkey under it already');
    const registry = this.#registry;
    const calls = new Calls(
      latchkey,
      {
        role,
        ringingMs,
        maxSilenceMs,
        ...(policy && { policy }),
        ...(srtp && { srtp }),
        bounds: this.#bounds,
        ports,
      },
      {
        onSession: (session, message) => this.tell('session', session, message),
        onEnd: (dialog, reason) => {
          registry.end(dialog, reason);
          this.tell('ended', { session: dialog.session, call: dialog.callId, reason });
        },
        onPortFault: (error) => this.tell('fault', { where: 'ports', error }),
      },
    );
    const faults = new HandlerFaults({
      isHeard: () => this.listenerCount('fault') > 0,
      onFault: (error) => this.tell('fault', { where: 'application', error }),
    });
    hookDialogs(srf, (dialog) => faults.watchDialog(dialog));
    hookApp(app, {
      prepareHandlers: (one) => faults.watch(one),
      connect: (socket, wire) =>
        new DaemonConnection(socket, {
          ...{ calls, registry, trust, gate: this.#gate },
          deliver: (from, text) => this.#deliver(wire, from, text),
          // Keys of SRTP, which the application may need to read, are in no log (protocol.md 8.2).
          log: (direction, text) =>
            wire._logger?.(`${direction === 'in' ? '<===' : '===>'}\r\n${stripKeys(text)}\r\n`),
          hasDialog: (id) => hasDialog(srf, id),
          onRejected: (dialog, message, { status, warning }) => {
            const call = String(message.headers['call-id'] ?? '');
            this.tell('rejected', { session: dialog?.session, call, status, warning, message });
          },
          onFault: (where, error) => this.tell('fault', { where, error }),
        }),
    });
    latched.add(app);
  }

  /** Messages that can be read in two ways and were refused, by reason, and how often a bound held somebody back. */
  get counters(): SipCounts {
    return { gate: this.#gate.counts, bounds: this.#bounds.counts };
  }

  /**
   * The session of a call: of a request that has come, of one of yours (`cbRequest`), of a response to one (each fork has its
   * own), or of a dialog. Undefined where the call is over, or was never one.
   */
  session(of: CallReference): Session | undefined {
    const reference = of as unknown as DrachtioReference;
    const call = this.#registry.find(reference.stackTxnId, reference.id ?? reference.stackDialogId);
    if (reference.status === undefined) return call?.dialog?.session;
    return call?.dialogWith(reference.getParsedHeader?.('to').params?.tag)?.session;
  }

  #deliver(wire: DrachtioWire, socket: Socket, text: string): void {
    try {
      wire.emit('msg', socket, text);
    } catch (error) {
      this.onFailure(error);
    }
  }

  protected override tellFailure(error: unknown): boolean {
    return this.tell('fault', { where: 'application', error });
  }
}

/** Each dialog is told as drachtio-srf files it, before the application has it. */
function hookDialogs(srf: Srf, onDialog: (dialog: EventEmitter) => void): void {
  const site = srf as unknown as { addDialog: (dialog: EventEmitter) => void };
  const { addDialog } = site;
  site.addDialog = (dialog) => {
    onDialog(dialog);
    addDialog.call(srf, dialog);
  };
}

function hasDialog(srf: Srf, id: string): boolean {
  return (srf as unknown as { findDialogById(id: string): unknown }).findDialogById(id) !== undefined;
}

/**
 * Puts latchkey under a `Srf`, before or after it connects; calls that are up already stay without.
 *
 * @param srf Of drachtio-srf 5: `new Srf()`.
 * @throws LatchkeyError LATCHKEY_OPTION; LATCHKEY_STATE where the Srf has latchkey under it already.
 */
export function latchDrachtio(
  srf: Srf,
  latchkey: Latchkey,
  options: LatchDrachtioOptions = {},
): LatchDrachtio {
  return new LatchDrachtio(srf, latchkey, options);
}
