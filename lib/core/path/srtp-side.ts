// What a component does with a peer that brings SRTP (protocol.md 8.2): it has its paths while that is agreed on, moves the route to where
// they are, keeps those in step who wait on a port for many sessions, and protects what goes where we have a key of ours. It decides
// nothing about paths.
import { classifyPacket, type PacketClass } from '../../wire/index.js';
import type { DropReason } from '../counters.js';
import type { Path } from '../network-path.js';
import type { Protection } from '../proof/protection.js';
import type { SrtpKeys } from '../proof/srtp-keys.js';
import type { PayloadRoute } from '../route/payload-route.js';
import type { Judge, Port } from '../route/port.js';
import type { Side, SideComponent } from './side.js';
import type { SrtpHost } from './srtp-host.js';
import { SRTP_DROPS, SrtpPaths } from './srtp-paths.js';

const NO_SSRCS: readonly number[] = [];

export class SrtpSide<Owner extends SideComponent<Owner>> implements Side<Owner>, SrtpHost, Judge {
  #paths: SrtpPaths | undefined;
  /** SRTP beside latch or ICE: those say where the peer is, and its key which packets are its own. */
  #cover: SrtpKeys | undefined;
  #ssrcs = NO_SSRCS;
  #nowMs = 0;
  /** What was protected last: the only payload that may go out. */
  #sealed: Uint8Array | undefined;

  constructor(
    readonly owner: Owner,
    private readonly route: PayloadRoute<Owner>,
  ) {}

  /** The peer's key judges each packet. */
  get isOn(): boolean {
    return this.#paths !== undefined;
  }

  /** Another protection is in force. The same keys, or later ones of the same stream, go on with the paths that there are. */
  follow(protection: Protection, cover: SrtpKeys | undefined): void {
    this.#cover = cover;
    if (protection.kind !== 'srtp') {
      this.#paths?.stop();
      this.#paths = undefined;
      this.settle();
      return;
    }
    this.#ssrcs = protection.ssrcs;
    if (!this.#paths) {
      this.route.close();
      this.#paths = new SrtpPaths(this, protection.keys);
    }
    this.handlePeerTold();
  }

  /** True where the packet goes to the application as it came. */
  handle(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    this.#nowMs = nowMs;
    return this.#paths?.handle(bytes, kind, path, nowMs) === true;
  }

  /** The route asks for what comes over the path in use, which `activate` has opened: without that, and elsewhere, nobody asks. */
  openInUse(bytes: Uint8Array, nowMs: number): Uint8Array | undefined {
    this.#nowMs = nowMs;
    return this.#paths?.openInUse(bytes, nowMs);
  }

  isAuthentic(bytes: Uint8Array, kind: PacketClass, nowMs: number): boolean {
    return this.#paths?.isAuthentic(bytes, kind, nowMs) === true;
  }

  get isSealing(): boolean {
    return (this.#paths ?? this.#cover)?.isSealing === true;
  }

  /** What comes over a path that latch or ICE has proved is to be opened. */
  get isCovered(): boolean {
    return this.#cover !== undefined;
  }

  /** A packet that has come over such a path, in clear. Undefined: it is not the peer's own, or a copy, and is counted. */
  open(bytes: Uint8Array, kind: PacketClass, nowMs: number): Uint8Array | undefined {
    const judged = this.#cover?.check(bytes, kind, nowMs) ?? 'expired';
    if (typeof judged === 'string') this.owner.drop(SRTP_DROPS[judged]);
    else if (judged.tagged.isRepeated || !this.#cover?.accept(judged, nowMs)) this.owner.drop('srtpRepeated');
    else return judged.tagged.clear;
    return undefined;
  }

  /** Payload as it goes out: a new array, which `handleSend` asks for then. Undefined: it cannot be protected, and is counted. */
  seal(bytes: Uint8Array): Uint8Array | undefined {
    const sealed = (this.#paths ?? this.#cover)?.seal(bytes, classifyPacket(bytes)) ?? 'expired';
    this.#sealed = typeof sealed === 'string' ? undefined : sealed;
    if (!this.#sealed) this.owner.drop('srtpSend');
    return this.#sealed;
  }

  /** Why payload must not go out now; undefined where it may. What we are to protect never goes unprotected. */
  handleSend(bytes: Uint8Array): DropReason | undefined {
    if (this.isSealing && bytes !== this.#sealed) return 'srtpSend';
    this.#sealed = undefined;
    return !this.#paths || this.#paths.handleSend(bytes) ? undefined : 'unproven';
  }

  handlePeerTold(): void {
    this.#paths?.handlePeerTold();
    this.settle();
  }

  handlePortRemoved(port: Port<Owner>): void {
    port.seekers.remove(this.owner);
    this.#paths?.handlePortRemoved(port);
  }

  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#paths?.handleTimeout(nowMs);
  }

  get nextMs(): number {
    return this.#paths?.nextMs ?? Infinity;
  }

  stop(): void {
    this.#paths?.stop();
  }

  /** Who has no path waits for its first packet at all its ports (8.2.7). */
  settle(): void {
    const { ports, signalled, session } = this.owner;
    const isSeeking = this.#paths?.hasPath === false;
    const sought = { ssrcs: this.#ssrcs, signalled, peerAddress: session.peerAddress };
    for (const { seekers } of ports) {
      if (isSeeking) seekers.add(this.owner, sought);
      else seekers.remove(this.owner);
    }
  }

  activate(path: Path): void {
    const routed = this.owner.routed(path);
    if (routed) this.route.open(routed, this);
    else this.route.close();
    this.settle();
  }

  keep(path: Path, untilMs: number): void {
    const routed = this.owner.routed(path);
    if (routed) this.route.hold(routed, untilMs);
  }

  holds(path: Path): boolean {
    const routed = this.owner.routed(path);
    return routed !== undefined && this.route.holds(routed);
  }

  deactivate(): void {
    this.route.close();
    this.settle();
  }

  noteTaken(bytes: Uint8Array, kind: PacketClass, isInUse: boolean): void {
    this.owner.take(bytes, kind, isInUse, this.#nowMs);
  }

  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void {
    const routed = this.owner.routed(path);
    if (routed) this.owner.deliverNow(bytes, kind, routed);
  }
}
