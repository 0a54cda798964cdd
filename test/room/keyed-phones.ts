// A room with phones of each kind on a network in memory, in virtual time: with SRTP, whose keys change when it likes; with latch; and with
// neither. Each says what it has heard, in clear, and how much of what came it could not read.
import { performance } from 'node:perf_hooks';
import sinon from 'sinon';
import { srtpSuite, type SrtpSuite } from '../../lib/core/index.js';
import { createLatchkey, type Latchkey, type MediaPort, type Session } from '../../lib/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { answerOffer, createRooms, type Leg, type Rooms } from '../../lib/room/index.js';
import { SrtpReceiver, SrtpSender, type MasterKey } from '../../lib/srtp/index.js';
import { classifyPacket, parseRtcp, parseSdp, type TransportAddress } from '../../lib/wire/index.js';
import { MemoryNetwork, type MemorySocket } from '../net/memory-network.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { cryptoLine } from '../support/sdes-offers.js';
import { makeSdp } from '../support/session-description.js';

const SERVER = '203.0.113.1';
const ROOM = 'keys';
const SUITE = 'AES_CM_128_HMAC_SHA1_80';

/** Of a phone in clear the others get no number (protocol.md 8.3.11): who spoke, and its which packet, stands in the payload, and in a count of reports. */
const OCTETS_AT = 24;

export const rtpOf = (ssrc: number, sequence: number): string => `rtp ${ssrc} ${sequence}`;
export const reportOf = (ssrc: number): string => `report ${ssrc}`;

type Pair = readonly [MemorySocket, MemorySocket];

export class KeyedRoom {
  readonly network = new MemoryNetwork();
  readonly #clock = sinon.useFakeTimers({ now: 10_000, toFake: ['setTimeout', 'clearTimeout'] });
  readonly #now = sinon.stub(performance, 'now').callsFake(() => this.#clock.now);
  readonly server: Latchkey = createLatchkey();
  readonly clients: Latchkey = createLatchkey();
  readonly rooms: Rooms = createRooms();
  #nextPort = 40_000;
  readonly #ours: MemorySocket[] = [];

  get nowMs(): number {
    return this.#clock.now;
  }

  /** What is under way arrives, and time passes. */
  advance(ms: number): void {
    for (let at = 0; at < ms; at += 5) {
      this.network.deliver();
      this.#clock.tick(5);
    }
    this.network.deliver();
  }

  /** What is under way to the server arrives there, and what it sends then is under way. */
  advanceHalfWay(): void {
    for (const socket of this.#ours) socket.arrive();
  }

  /** For RTP and for RTCP. */
  lend(address = SERVER): Pair {
    const port = this.#nextPort;
    this.#nextPort += 2;
    const pair: Pair = [this.network.open(address, port), this.network.open(address, port + 1)];
    if (address === SERVER) this.#ours.push(...pair);
    return pair;
  }

  close(): void {
    this.rooms.close();
    this.server.close();
    this.clients.close();
    this.#now.restore();
    this.#clock.restore();
  }
}

export interface PhoneOptions {
  readonly ssrc: number;
  readonly address: string;
  /** RTCP has a port of its own. */
  readonly hasRtcpPort?: boolean;
  /** Its signalling comes by a proxy: nobody knows whether the phone receives where its media is from. */
  readonly isHidden?: boolean;
}

/** One participant, and the server's side of its call. */
export abstract class Phone {
  readonly session: Session;
  readonly heard: string[] = [];
  /** The SSRCs of what it has heard, as it heard them. */
  readonly ssrcsHeard = new Set<number>();
  unreadable = 0;
  #sequence = 100;
  #reports = 0;
  readonly #lent: Pair;
  #ports: { readonly rtp: MediaPort; readonly rtcp: MediaPort | undefined } | undefined;
  #leg: Leg | undefined;

  constructor(
    protected readonly room: KeyedRoom,
    readonly options: PhoneOptions,
  ) {
    const { isHidden = false, address } = options;
    this.session = room.server.createSession({ signalling: 'encrypted', srtp: 'terminate' });
    this.session.peer(isHidden ? { transport: 'proxy' } : { address, transport: 'tls' });
    this.#lent = room.lend();
  }

  /** What the server's port says of its sender. */
  get isKeyless(): boolean | undefined {
    return this.#ports?.rtp.isKeyless;
  }

  /** Says a packet of its voice; gives what others are to hear. */
  talk(): string {
    const { ssrc } = this.options;
    const sequence = this.#sequence++;
    const payload = new Uint8Array(160);
    new DataView(payload.buffer).setUint32(0, ssrc);
    new DataView(payload.buffer).setUint32(4, sequence);
    this.say(makeRtp({ ssrc, sequence, timestamp: 160 * sequence, payload }));
    return rtpOf(ssrc, sequence);
  }

  /** Says enough for the server to know where it is, by evidence if by nothing else (protocol.md 8.3.4). */
  arrive(): void {
    for (let packet = 0; packet < 3; packet++) this.talk();
    this.room.advance(80);
  }

  report(): string {
    const report = makeSenderReport(this.options.ssrc, this.room.nowMs, ++this.#reports);
    new DataView(report.buffer).setUint32(OCTETS_AT, this.options.ssrc);
    this.say(report);
    return reportOf(this.options.ssrc);
  }

  /** RTP or RTCP in clear, as it protects it. */
  abstract say(clear: Uint8Array): void;

  protected hear(clear: Uint8Array): void {
    const view = new DataView(clear.buffer, clear.byteOffset, clear.length);
    const isRtp = classifyPacket(clear) === 'rtp';
    this.ssrcsHeard.add(view.getUint32(isRtp ? 8 : 4));
    if (isRtp) this.heard.push(rtpOf(view.getUint32(12), view.getUint32(16)));
    const headers = parseRtcp(clear);
    for (const { payloadType, offset } of headers.ok ? headers.value : [])
      if (payloadType === 200) this.heard.push(reportOf(view.getUint32(offset + OCTETS_AT)));
  }

  /** Offers, and gives the server's answer; the first time it comes into the room. */
  protected offer(sdp: string): string {
    const { rooms } = this.room;
    const verdict = this.session.setRemote(sdp, 'offer');
    if (!verdict.accepted) throw new Error(verdict.warning);
    const [rtp, rtcp] = this.#lent;
    const place = { address: SERVER, rtpPort: rtp.local?.port ?? 0, preference: rooms.preference(ROOM) };
    const answered = answerOffer(sdp, { ...place, srtp: 'accept' });
    if (!answered.ok) throw new Error(answered.warning);
    const { stream } = answered;
    const answer = this.session.setLocal(answered.sdp, 'answer');
    this.#ports ??= {
      rtp: this.session.bind(rtp),
      rtcp: stream.isRtcpMux ? undefined : this.session.bind(rtcp, { media: 0, component: 2 }),
    };
    const streams = [{ stream, ...this.#ports }];
    if (this.#leg) this.#leg.update(streams);
    else this.#leg = rooms.join(ROOM, { call: this.session.call, streams });
    this.session.confirm();
    return answer;
  }
}

/** A phone that sends and takes its packets by its own sockets. */
abstract class WiredPhone extends Phone {
  #sockets: Pair;

  constructor(room: KeyedRoom, options: PhoneOptions) {
    super(room, options);
    this.#sockets = this.#plug();
  }

  /** Its NAT gives it other ports. */
  rebind(): void {
    this.#sockets.forEach((socket) => socket.close());
    this.#sockets = this.#plug();
  }

  protected get local(): TransportAddress {
    const { local } = this.#sockets[0];
    if (!local) throw new Error('the socket is closed');
    return local;
  }

  protected abstract take(bytes: Uint8Array): void;

  /** Where the answer says. */
  protected send(bytes: Uint8Array, answer: string): void {
    const [media] = sectionsOf(answer);
    const isRtcp = classifyPacket(bytes) === 'rtcp' && this.options.hasRtcpPort === true;
    const socket = this.#sockets[isRtcp ? 1 : 0];
    socket.send(bytes, (isRtcp ? media?.rtcp.port : media?.port) ?? 0, SERVER, () => undefined);
    socket.flush();
  }

  #plug(): Pair {
    const sockets = this.room.lend(this.options.address);
    for (const socket of sockets)
      socket.receive({
        onBatch: (batch) => batch.forEach(({ bytes }) => this.take(bytes)),
        onClose: () => undefined,
        onError: () => undefined,
      });
    return sockets;
  }
}

/** With keys of SRTP in its descriptions. What was protected under the keys of before, it still reads. */
export class SrtpPhone extends WiredPhone {
  #fill: number;
  #sender: SrtpSender | undefined;
  #receivers: SrtpReceiver[] = [];
  #offer = '';
  #answer = '';
  /** Our keys, as they stood in the answers. */
  readonly ours: string[] = [];

  constructor(room: KeyedRoom, options: PhoneOptions) {
    super(room, options);
    this.#fill = options.ssrc % 100;
    this.negotiate();
  }

  /** Another key, and maybe another suite: what the phone sends until it has the answer is under the old one. */
  negotiate(suiteName = SUITE): void {
    const suite = suiteOf(suiteName);
    const fill = ++this.#fill;
    const { address, port } = this.local;
    const isMuxed = this.options.hasRtcpPort !== true;
    this.#offer = makeSdp({ address, media: [{ port, isMuxed, lines: [cryptoLine(1, suite, fill)] }] });
    const own = Buffer.alloc(suite.keySizeBytes + suite.saltSizeBytes, fill);
    this.#take(this.offer(this.#offer), masterOf(suite, own));
  }

  /** The offer of before once more. */
  repeat(): void {
    const [key] = sectionsOf(this.offer(this.#offer))[0]?.cryptos ?? [];
    this.ours.push(Buffer.from(key?.keys[0]?.keyAndSalt ?? []).toString('base64'));
  }

  say(clear: Uint8Array): void {
    const isRtcp = classifyPacket(clear) === 'rtcp';
    const sealed = isRtcp ? this.#sender?.protectRtcp(clear) : this.#sender?.protectRtp(clear);
    if (sealed === undefined || typeof sealed === 'string') throw new Error(`not protected: ${sealed}`);
    this.send(sealed, this.#answer);
  }

  protected take(bytes: Uint8Array): void {
    const kind = classifyPacket(bytes);
    for (const receiver of this.#receivers) {
      const tagged = kind === 'rtp' ? receiver.checkRtp(bytes, 0) : receiver.checkRtcp(bytes);
      if (typeof tagged === 'string' || !tagged.clear || !receiver.accept(tagged, 0)) continue;
      return this.hear(tagged.clear);
    }
    this.unreadable++;
  }

  #take(answer: string, own: MasterKey): void {
    this.#answer = answer;
    this.#sender = new SrtpSender(nodeSrtpCrypto, own);
    const [key] = sectionsOf(answer)[0]?.cryptos ?? [];
    const keyAndSalt = key?.keys[0]?.keyAndSalt ?? new Uint8Array();
    this.ours.push(Buffer.from(keyAndSalt).toString('base64'));
    const receiver = new SrtpReceiver(nodeSrtpCrypto, masterOf(own.suite, keyAndSalt), { decrypts: true });
    this.#receivers = [receiver, ...this.#receivers].slice(0, 2);
  }
}

/** In clear, with nothing that proves where it is. */
export class ClearPhone extends WiredPhone {
  readonly #answer: string;

  constructor(room: KeyedRoom, options: PhoneOptions) {
    super(room, options);
    const { address, port } = this.local;
    this.#answer = this.offer(makeSdp({ address, media: [{ port, isMuxed: true }] }));
  }

  say(clear: Uint8Array): void {
    this.send(clear, this.#answer);
  }

  protected take(bytes: Uint8Array): void {
    if (classifyPacket(bytes) === 'rtp' || classifyPacket(bytes) === 'rtcp') this.hear(bytes);
  }
}

/** With latch: another latchkey at the other end. */
export class LatchPhone extends Phone {
  readonly #port: MediaPort;

  constructor(room: KeyedRoom, options: PhoneOptions) {
    super(room, options);
    const client = room.clients.createSession({ signalling: 'encrypted', role: 'prover' });
    const [socket] = room.lend(options.address);
    const { address = '', port = 0 } = socket.local ?? {};
    const answer = this.offer(client.setLocal(makeSdp({ address, media: [{ port, isMuxed: true }] })));
    const verdict = client.setRemote(answer);
    if (!verdict.accepted) throw new Error(verdict.warning);
    this.#port = client.bind(socket);
    this.#port.on('packet', (bytes) => this.hear(bytes));
  }

  say(clear: Uint8Array): void {
    this.#port.send(clear);
  }
}

function sectionsOf(sdp: string) {
  const parsed = parseSdp(sdp);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value.media;
}

function suiteOf(name: string): SrtpSuite {
  const suite = srtpSuite(name);
  if (!suite) throw new Error(`no suite is called ${name}`);
  return suite;
}

function masterOf(suite: SrtpSuite, keyAndSalt: Uint8Array): MasterKey {
  const key = Uint8Array.from(keyAndSalt.subarray(0, suite.keySizeBytes));
  return { suite, key, salt: Uint8Array.from(keyAndSalt.subarray(suite.keySizeBytes)) };
}
