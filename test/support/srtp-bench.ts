// One call with a phone that brings SRTP, on a workbench: the test protects each packet with the phone's key, and says from where it comes
// and when. It knows the keys, so it can play a reader who copies as well.
import { Secret, srtpSuite } from '../../lib/core/index.js';
import type { CallHandle, Component, Port, SrtpAgreement, SrtpKey } from '../../lib/core/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpReceiver, SrtpSender, type MasterKey } from '../../lib/srtp/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench } from './engine-bench.js';
import { makeRtp, makeSenderReport } from './media.js';

export const SERVER = { address: '203.0.113.1', port: 40_000 };
/** Behind its NAT, which has it here; after a rebinding there. */
export const HOME = { address: '198.51.100.7', port: 20_001 };
export const REBOUND = { address: '198.51.100.7', port: 20_101 };
export const PRIVATE = { address: '10.0.1.2', port: 5004 };
/** Somebody who reads the packets, elsewhere. */
export const READER = { address: '192.0.2.66', port: 4000 };

const SUITE = 'AES_CM_128_HMAC_SHA1_80';

export function masterKey(fill: number, suiteName = SUITE): MasterKey {
  const suite = srtpSuite(suiteName);
  if (!suite) throw new Error(`no suite is called ${suiteName}`);
  return {
    suite,
    key: new Uint8Array(suite.keySizeBytes).fill(fill),
    salt: new Uint8Array(suite.saltSizeBytes).fill(fill + 1),
  };
}

export function agreedKey({ suite, key, salt }: MasterKey): SrtpKey {
  return { suite, keyAndSalt: new Secret(Uint8Array.from([...key, ...salt])) };
}

/** What the phone sends: one stream, packet by packet, under one key. */
export class SrtpVoice {
  sequence: number;
  #count = 0;
  readonly #sender: SrtpSender;

  constructor(
    master: MasterKey,
    readonly ssrc = 0x1234,
    first = 100,
  ) {
    this.sequence = first;
    this.#sender = new SrtpSender(nodeSrtpCrypto, master);
  }

  rtp(): Uint8Array {
    const sequence = this.sequence++;
    const clear = makeRtp({ ssrc: this.ssrc, sequence: sequence % 0x1_0000, timestamp: 160 * sequence });
    return sealed(this.#sender.protectRtp(clear));
  }

  rtcp(nowMs: number): Uint8Array {
    return sealed(this.#sender.protectRtcp(makeSenderReport(this.ssrc, nowMs, this.#count++)));
  }
}

function sealed(result: Uint8Array | string): Uint8Array {
  if (typeof result === 'string') throw new Error(`not protected: ${result}`);
  return result;
}

export interface SrtpBenchOptions {
  readonly suite?: string;
  /** We protect and decrypt; else packets pass. */
  readonly terminates?: boolean;
  readonly expectsMedia?: boolean;
  /** Where its signalling comes from, over TLS: that IP address is its home, and shown. */
  readonly from?: string | undefined;
  readonly signalled?: TransportAddress;
  /** Beside another call, on its ports. */
  readonly beside?: SrtpBench;
  readonly fill?: number;
  readonly ssrcs?: readonly number[];
  readonly hasRtcp?: boolean;
}

export class SrtpBench {
  readonly bench: EngineBench;
  readonly call: CallHandle;
  readonly port: Port;
  readonly rtcpPort: Port | undefined;
  readonly master: MasterKey;
  readonly own = masterKey(0x77);
  voice: SrtpVoice;

  constructor(readonly options: SrtpBenchOptions = {}) {
    const { beside, suite, fill = 1, from, hasRtcp = false } = options;
    this.bench = beside?.bench ?? new EngineBench();
    this.port = beside?.port ?? this.bench.engine.openPort(SERVER);
    this.master = masterKey(fill, suite);
    this.voice = new SrtpVoice(this.master);
    this.call = this.bench.engine.openCall({
      signalling: 'encrypted',
      ...(from !== undefined && { peer: { address: from, transport: 'tls' } }),
    });
    this.component.attach(this.port, this.nowMs);
    if (hasRtcp) {
      this.rtcpPort = this.bench.engine.openPort({ ...SERVER, port: SERVER.port + 1 });
      this.call.component(0, 2).attach(this.rtcpPort, this.nowMs);
    }
    this.agree();
  }

  get nowMs(): number {
    return this.bench.nowMs;
  }

  get component(): Component {
    return this.call.component(0, 1);
  }

  get mapping(): TransportAddress | undefined {
    return this.component.mapping;
  }

  get dropped() {
    return this.component.counters.dropped;
  }

  agree(master: MasterKey = this.master, more: Partial<SrtpAgreement> = {}): void {
    const { expectsMedia = true, terminates = false, signalled = PRIVATE, ssrcs, hasRtcp } = this.options;
    const agreement: SrtpAgreement = {
      kind: 'srtp',
      ...{ expectsMedia, remote: signalled, advertised: SERVER.address, peer: [agreedKey(master)] },
      ...(hasRtcp && { rtcp: {} }),
      ...(terminates && { own: agreedKey(this.own) }),
      ...(ssrcs && { ssrcs }),
      ...more,
    };
    this.bench.engine.agree(this.call, 0, agreement, this.nowMs);
    this.bench.drain();
  }

  /** True where the application had it at once, as it came; what it has in clear, or later, is in `deliveries`. */
  receive(bytes: Uint8Array, source: TransportAddress = HOME, port = this.port): boolean {
    return this.bench.receive(port, bytes, source) !== undefined;
  }

  /** A packet of the voice, and 20 ms. */
  talk(source: TransportAddress = HOME, packets = 1, everyMs = 20): void {
    for (let at = 0; at < packets; at++) {
      this.receive(this.voice.rtp(), source);
      this.bench.advance(everyMs);
    }
  }

  /** Whether payload goes to the peer now, and where. */
  send(sizeBytes = 172): TransportAddress | undefined {
    return this.component.handleSend(new Uint8Array(sizeBytes), this.nowMs);
  }

  count(type: Parameters<EngineBench['eventsOf']>[0]): number {
    return this.bench.eventsOf(type).length;
  }

  /** What we have protected, in clear. */
  opened(bytes: Uint8Array): Uint8Array | undefined {
    const judged = new SrtpReceiver(nodeSrtpCrypto, this.own, { decrypts: true }).checkRtp(bytes, 0);
    return typeof judged === 'string' ? undefined : judged.clear;
  }
}
