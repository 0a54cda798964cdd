// What a component does with a peer that brings no key (protocol.md 8.3): it has its paths while that is agreed on, moves the route to where they are, keeps
// those in step who wait on a port of many calls, and says where payload may go (8.3.9). It decides nothing about paths.
import { classifyPacket, parseIp, type PacketClass, type TransportAddress } from '../../wire/index.js';
import { isUnconfirmed, type QuestionOutcome } from '../call-place.js';
import type { Context } from '../context.js';
import type { DropReason } from '../counters.js';
import { ipKey } from '../ip-key.js';
import { isSamePath, type LocalPort, type Path } from '../network-path.js';
import type { RtpBeside } from '../proof/evidence-terms.js';
import type { Protection } from '../proof/protection.js';
import type { PayloadRoute, RoutedPath } from '../route/payload-route.js';
import type { Port } from '../route/port.js';
import { isWithinLimit } from './amplification.js';
import type { EvidenceHost } from './evidence-host.js';
import { EvidencePaths } from './evidence-paths.js';
import { EvidenceRtcp } from './evidence-rtcp.js';
import { isBacked, isSignalledAllowed } from './home.js';
import { SentReports } from './sent-reports.js';
import type { Side, SideComponent } from './side.js';
import { isNobodys } from './unproven-peer.js';

export class EvidenceSide<Owner extends SideComponent<Owner>>
  implements Side<Owner>, EvidenceHost, RtpBeside
{
  #paths: EvidencePaths | undefined;
  #rtcp: EvidenceRtcp | undefined;
  #latchesBlindly = false;
  /** Where the peer was when it last said so: by its description, and by its signalling. */
  #named: TransportAddress | undefined;
  #source: string | undefined;
  rtcpHeardMs = -Infinity;
  /** Reports to an address that was not shown when it was locked carry a time of their own each (protocol.md 8.2.4). */
  #reports: SentReports | undefined;

  constructor(
    readonly owner: Owner,
    private readonly route: PayloadRoute<Owner>,
    private readonly context: Context,
  ) {}

  /** Each packet is looked at before it is anybody's. */
  get isOn(): boolean {
    return this.#paths !== undefined || this.#rtcp !== undefined;
  }

  /** Without any evidence the first source was taken (protocol.md 7). */
  get hasLatchedBlindly(): boolean {
    return this.#paths?.isBlind === true;
  }

  get lockedAt(): TransportAddress | undefined {
    return this.#paths?.locked?.remote;
  }

  hasStream(ssrc: number): boolean {
    return this.#paths?.hasStream(ssrc) === true;
  }

  noteRtcp(nowMs: number): void {
    this.rtcpHeardMs = nowMs;
  }

  /** Another protection is in force, or the same for other media. @param rtp Of RTCP on a port of its own, the RTP beside it. */
  follow(protection: Protection, rtp: RtpBeside | undefined): void {
    if (protection.kind !== 'evidence') return this.#end();
    if (rtp) {
      if (!this.#rtcp) this.route.close();
      this.#rtcp ??= new EvidenceRtcp(rtp);
      return this.settle();
    }
    this.#latchesBlindly = protection.terms.latchesBlindly;
    const { nowMs } = this.context;
    const { signalled, session } = this.owner;
    if (this.#paths) {
      this.#paths.agree(protection.terms);
      if (signalled && this.#isElsewhereThanNamed(signalled)) this.#paths.handleSignalled();
    } else {
      this.route.close();
      this.#paths = new EvidencePaths(this, protection.terms);
    }
    this.#named = signalled ?? this.#named;
    this.#source = session.peerAddress;
    this.settle();
    if (session.isConfirmed) this.#paths.handleConfirmed(nowMs);
    this.#paths.handlePeerTold(nowMs);
  }

  #end(): void {
    if (!this.isOn) return;
    this.stop();
    this.#paths = this.#rtcp = this.#reports = undefined;
    for (const { keylessSeekers } of this.owner.ports) keylessSeekers.remove(this.owner);
  }

  /** What goes out is to be given to `seal` first. */
  get isSealing(): boolean {
    return this.#reports !== undefined;
  }

  /** A sender report as it goes to where the peer is taken to be; all else is as it was. */
  seal(bytes: Uint8Array): Uint8Array {
    const { path } = this.route;
    return path && classifyPacket(bytes) === 'rtcp' ? (this.#reports?.shifted(bytes, path) ?? bytes) : bytes;
  }

  #readReport(bytes: Uint8Array, kind: PacketClass, path: Path): void {
    if (kind !== 'rtcp' || !this.#reports) return;
    this.#reports.handle(bytes, path);
    const { session } = this.owner;
    const { address } = path.remote;
    if (this.#reports.isReported(path) && !session.isShown(address)) session.shown(address);
  }

  /** True where the packet goes to the application as it came. */
  handle(bytes: Uint8Array, kind: PacketClass, path: RoutedPath<Owner>, nowMs: number): boolean {
    if (this.#rtcp) return this.#handleRtcp(this.#rtcp, bytes, kind, path, nowMs);
    const paths = this.#paths;
    if (!paths) return false;
    if (paths.handle(bytes, kind, path, nowMs)) {
      this.#readReport(bytes, kind, path);
      return true;
    }
    if (this.#latchesBlindly && kind === 'rtp') paths.latchBlindly(path, nowMs);
    return false;
  }

  #handleRtcp(
    rtcp: EvidenceRtcp,
    bytes: Uint8Array,
    kind: PacketClass,
    path: RoutedPath<Owner>,
    nowMs: number,
  ): boolean {
    if (!rtcp.handle(bytes, kind, path, nowMs)) {
      this.owner.drop('unverified');
      return false;
    }
    if (!this.route.path || !isSamePath(this.route.path, path)) {
      rtcp.begin(path, bytes.length);
      this.#watch(path);
      this.#open(path);
    }
    this.#readReport(bytes, kind, path);
    this.noteTaken(bytes, kind);
    return true;
  }

  /** On a port of many calls: what the peer's description says, or its locked stream, tells the packet (protocol.md 8.3.10, 8.3.7). */
  noteDiverted(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): void {
    this.#paths?.noteDiverted(bytes, kind, path, nowMs);
  }

  isSought(bytes: Uint8Array, kind: PacketClass, path: Path, nowMs: number): boolean {
    return this.#paths?.isSought(bytes, kind, path, nowMs) === true;
  }

  /** Where payload goes now, or why it does not (protocol.md 8.3.9). */
  handleSend(bytes: Uint8Array): TransportAddress | DropReason {
    if (this.#rtcp) return this.#whereRtcp(this.#rtcp, bytes);
    const paths = this.#paths;
    if (!paths) return 'noPath';
    const locked = paths.handleSend(bytes);
    if (locked) return this.#isElsewhere(locked.remote) ? this.owner.signalled! : locked.remote;
    if (paths.locked) return 'unproven';
    return paths.isContested ? 'noPath' : this.#unasked();
  }

  #whereRtcp(rtcp: EvidenceRtcp, bytes: Uint8Array): TransportAddress | DropReason {
    if (!rtcp.rtp.lockedAt) return this.#unasked();
    const { path } = rtcp;
    if (!path || !rtcp.isBeside(path.remote)) {
      const { signalled } = this.owner;
      return signalled && rtcp.isBeside(signalled) ? this.#unasked() : 'noPath';
    }
    if (!this.route.isHeld) return 'unproven';
    if (!this.owner.session.isShown(path.remote.address)) {
      if (!isWithinLimit(rtcp, bytes.length)) return 'unproven';
      rtcp.sentBytes += bytes.length;
    }
    return path.remote;
  }

  /** The address in the description gets payload before anything has come from there, where somebody is known to receive there. */
  #unasked(): TransportAddress | DropReason {
    const { signalled, session } = this.owner;
    if (!signalled || !isSignalledAllowed(this.owner)) return 'noPath';
    return !isUnconfirmed(session) && session.isShown(signalled.address) && this.route.isHeld
      ? signalled
      : 'unproven';
  }

  /** The peer sends from another port than it listens at, as the owner says (protocol.md 8.3.9). */
  #isElsewhere({ address, port }: TransportAddress): boolean {
    const { signalled } = this.owner;
    if (!this.context.options.isAsymmetric || !signalled || !isSignalledAllowed(this.owner)) return false;
    return ipKey(signalled.address) === ipKey(address) && signalled.port !== port;
  }

  handlePeerTold(): void {
    this.#paths?.handlePeerTold(this.context.nowMs);
    this.settle();
  }

  handleConfirmed(nowMs: number): void {
    this.#paths?.handleConfirmed(nowMs);
  }

  handlePortAdded(port: LocalPort): void {
    this.#paths?.handlePortAdded(port);
    this.settle();
  }

  /** A description of ours with our ports goes out. */
  handleTold(nowMs: number): void {
    this.#paths?.handleTold(nowMs);
  }

  handleAsked(outcome: QuestionOutcome, nowMs: number): void {
    this.#paths?.handleAsked(outcome, nowMs);
  }

  /** The peer's new description says that it is there: our answer should tell another port (protocol.md 8.3.8). */
  wantsPort(signalled: TransportAddress): boolean {
    const { nowMs } = this.context;
    if (this.#paths?.mayTellPort(nowMs) !== true) return false;
    return this.#isElsewhereThanNamed(signalled) || this.#source !== this.owner.session.peerAddress;
  }

  /** A hold names nobody, so it is no change. */
  #isElsewhereThanNamed({ address, port }: TransportAddress): boolean {
    const named = this.#named;
    if (!named || port === 0 || !parseIp(address) || isNobodys(address)) return false;
    return named.port !== port || ipKey(named.address) !== ipKey(address);
  }

  handlePortRemoved(port: Port<Owner>): void {
    if (!this.isOn) return;
    port.keylessSeekers.remove(this.owner);
    this.#paths?.handlePortRemoved(port);
    if (this.#rtcp?.path?.port === port) this.#rtcp.path = undefined;
  }

  handleTimeout(nowMs: number): void {
    this.#paths?.handleTimeout(nowMs);
  }

  get nextMs(): number {
    return this.#paths?.nextMs ?? Infinity;
  }

  stop(): void {
    this.#paths?.stop();
    if (this.#rtcp) this.#rtcp.path = undefined;
    this.route.close();
  }

  /** The address in the description is claimed until there is a lock; and on a port of many calls its packets are waited for. */
  settle(): void {
    const paths = this.#paths;
    if (!this.isOn) return;
    const { ports } = this.owner;
    const signalled = isSignalledAllowed(this.owner) ? this.owner.signalled : undefined;
    const locked = (paths?.locked ?? this.#rtcp?.path) && this.route.path;
    const claimed = locked ?? (signalled && ports[0] && { port: ports[0], remote: signalled });
    if (claimed) this.#open(claimed);
    else this.route.close();
    if (!paths) return;
    const sought = { ssrcs: paths.soughtSsrcs, signalled, peerAddress: undefined };
    for (const { keylessSeekers } of ports) keylessSeekers.add(this.owner, sought);
  }

  #open(path: RoutedPath<Owner>): void {
    this.route.openUnproven(path, isBacked(this.owner.session, path.remote.address));
  }

  isTold(port: LocalPort): boolean {
    return this.owner.ports.some((one) => one === port && one.isTold);
  }

  isSuspect(source: TransportAddress, ssrc: number | undefined): boolean {
    return this.context.suspects.has(source, ssrc, this.context.nowMs);
  }

  isAnothers(path: Path): boolean {
    const { owner } = this;
    const { port, remote } = owner.routed(path) ?? {};
    return (
      port !== undefined &&
      remote !== undefined &&
      !port.mayClaim(remote, owner, isBacked(owner.session, remote.address))
    );
  }

  isOwnSocket({ address, port }: TransportAddress): boolean {
    return this.context.ownSockets.has(address, port);
  }

  activate(path: Path): void {
    const routed = this.owner.routed(path);
    if (routed) this.#watch(routed);
    // Where it is claimed already, the claim stays the earlier one (protocol.md 5.1).
    if (routed) this.#open(routed);
    else this.route.close();
    this.settle();
  }

  /** Whether somebody receives there is to be seen by what the peer reports. */
  #watch({ remote }: Path): void {
    if (!this.owner.session.isShown(remote.address)) this.#reports ??= new SentReports(this.context.random);
  }

  deactivate(): void {
    this.settle();
  }

  takeBudget(
    source: Path & { readonly receivedBytes: number; sentBytes: number },
    sizeBytes: number,
  ): boolean {
    const { address, port } = source.remote;
    if (!this.route.isHeld || this.context.ownSockets.has(address, port)) return false;
    if (this.owner.session.isShown(address)) return true;
    if (!isWithinLimit(source, sizeBytes)) return false;
    source.sentBytes += sizeBytes;
    return true;
  }

  noteTaken(bytes: Uint8Array, kind: PacketClass): void {
    this.owner.take(bytes, kind, false, this.context.nowMs);
  }

  deliver(bytes: Uint8Array, kind: PacketClass, path: Path): void {
    const routed = this.owner.routed(path);
    if (routed) this.owner.deliverNow(bytes, kind, routed);
  }
}
