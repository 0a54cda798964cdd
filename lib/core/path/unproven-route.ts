// Where a component's payload goes while nothing proves an address to us (protocol.md 5.7, 6.5, 7): to the address that was
// signalled, or to the one that a blind latch locked to. What goes to a peer of ours whom nobody proves is measured.
import { isSameAddress, type PacketClass, type TransportAddress } from '../../wire/index.js';
import { isUnconfirmed, type CallPlace } from '../call-place.js';
import type { Context } from '../context.js';
import type { Protection } from '../proof/protection.js';
import type { PayloadRoute, RoutedPath } from '../route/payload-route.js';
import type { Port } from '../route/port.js';
import type { UnprovenTarget } from '../route/target-bounds.js';
import { BlindLatch } from './blind-latch.js';
import { isBacked } from './home.js';
import type { ProverPair } from './prover-pair.js';
import { isNobodys, maySendUnproven, UnprovenPeer } from './unproven-peer.js';

interface UnprovenHost<Owner> {
  readonly session: CallPlace;
  readonly kind: Protection['kind'];
  readonly signalled: TransportAddress | undefined;
  readonly ports: readonly Port<Owner>[];
  /** The peer proves its address to us. */
  readonly isVerifying: boolean;
  readonly provers: ProverPair | undefined;
}

/** Nobody proves an address to us, and ours goes to the signalled one: without protection, or with a latch under which we alone prove ourselves. */
export function goesUnproven({
  kind,
  isVerifying,
}: Pick<UnprovenHost<unknown>, 'kind' | 'isVerifying'>): boolean {
  return kind === 'none' || (kind === 'latch' && !isVerifying);
}

export class UnprovenRoute<Owner> {
  /** What was exchanged with a peer that proves nothing. */
  #peer: UnprovenPeer | undefined;
  #blind: BlindLatch | undefined;

  constructor(
    private readonly host: UnprovenHost<Owner>,
    private readonly route: PayloadRoute<Owner>,
    private readonly context: Context,
  ) {}

  /** Where a blind latch is locked to. */
  get latched(): TransportAddress | undefined {
    return this.#blind?.locked;
  }

  /** Another protection is in force. A blind latch that is locked stays so until something better comes. */
  follow(protection: Protection): void {
    if (protection.kind !== 'legacy') this.#blind = undefined;
    else this.#blind ??= new BlindLatch(protection.payloadTypes, protection.rtp);
  }

  /** To the signalled address where nobody proves anything to us: a prover's peer, or one without protection (protocol.md 6.5, 7). */
  settle(): void {
    const { kind, signalled, session } = this.host;
    if (kind === 'legacy') return;
    if (kind !== 'none') this.#peer = undefined;
    if (!goesUnproven(this.host)) return;
    const isProversPeer = kind === 'latch' || session.role === 'prover';
    const [port] = this.host.ports;
    // A prover chose its peer itself; where a peer without a key is said to be must not be anybody else (protocol.md 5.7).
    const isAllowed =
      signalled && (isProversPeer || unprovenTarget(signalled, session, this.context) !== undefined);
    if (port && isAllowed) this.#open({ port, remote: signalled });
    else this.route.close();
  }

  /**
   * True where a blind latch locks to the source of this packet. It believes any but a socket of ours: a packet would circulate
   * between the two (protocol.md 5.7).
   */
  latchesTo(bytes: Uint8Array, kind: PacketClass, path: RoutedPath<Owner>): boolean {
    if (!this.#blind || this.#blind.locked) return false;
    const { remote } = path;
    const isOurs = this.context.ownSockets.has(remote.address, remote.port);
    if (isOurs || !this.#blind.handle(bytes, kind, remote)) return false;
    this.#open(path);
    return true;
  }

  /** Payload from the route was taken. */
  noteTaken(sizeBytes: number): void {
    if (this.#peer) this.#peer.receivedBytes += sizeBytes;
  }

  /** Payload of so many bytes may go there now. Where it may, it counts as sent. */
  maySend(sizeBytes: number, nowMs: number): boolean {
    const peer = this.#peer;
    // A prover chose its peer itself, but nobody whom another session has proven (5.1). What the peer has to do in return is
    // to challenge us, where it can (protocol.md 6.1).
    if (!peer)
      return !this.route.isProvenByAnother && this.host.provers?.mayGoOn(this.route.path, nowMs) !== false;
    // It may have been told before a socket of ours was bound there: a packet that circulates ends at once (protocol.md 5.7).
    if (this.context.ownSockets.has(peer.remote.address, peer.remote.port)) return false;
    const { kind, session } = this.host;
    const state = {
      isHeld: this.route.isHeld,
      isUnconfirmed: kind === 'none' && isUnconfirmed(session),
      isShown: session.isShown(peer.remote.address),
      receivedBytes: peer.receivedBytes,
      sentBytes: peer.sentBytes,
    };
    if (!maySendUnproven(state, sizeBytes)) return false;
    peer.sentBytes += sizeBytes;
    return true;
  }

  #open(path: RoutedPath<Owner>): void {
    const { remote } = path;
    const { kind, session } = this.host;
    if (session.role === 'verifier' && (kind === 'none' || kind === 'legacy')) {
      const isSame = this.#peer && isSameAddress(this.#peer.remote, remote);
      if (!isSame) this.#peer = new UnprovenPeer(remote);
    }
    this.route.openUnproven(path, isBacked(session, remote.address));
  }
}

/** An address that the peer has named, as a target; undefined where nothing may go there unasked (protocol.md 5.7). */
export function unprovenTarget(
  { address, port }: TransportAddress,
  session: CallPlace,
  { options, ownSockets }: Context,
): UnprovenTarget | undefined {
  const { advertised, peerAddress: source } = session;
  if (port === 0 || isNobodys(address) || ownSockets.has(address, port)) return undefined;
  const isShown = session.isShown(address);
  return isShown || options.isDirectTarget(address, advertised) ? { address, isShown, source } : undefined;
}
