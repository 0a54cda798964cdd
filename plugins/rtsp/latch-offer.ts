// The latch session of one description (docs/protocol.md 2, RTSP): we offer in DESCRIBE, each SETUP brings the answer for one section in its
// `Latch:` header, and PLAY completes the exchange. It is made on connections that are encrypted, or loopback's, and nowhere else.
import type { Latchkey, MediaPort, PeerSource, Session, Signalling } from '../../lib/index.js';
import type { TransportChoice } from '../../lib/rtsp/index.js';
import type { LentMedia } from '../../lib/server/index.js';
import { parseLatch, parseSdp } from '../../lib/wire/index.js';
import type { Way } from './way.js';

/** Where an offer stands that has no ports yet: SETUP tells them. Port 0 would take the sections back. */
const NO_PORT = 9;

export interface LatchHop {
  readonly signalling: Exclude<Signalling, 'clear'>;
  readonly peer: PeerSource & { readonly address: string };
}

interface Accepted {
  readonly latch: string;
  readonly clientPorts: readonly [number, number];
}

export class LatchOffer {
  /** For the DESCRIBE. */
  readonly description: string;
  readonly session: Session;
  readonly #hop: LatchHop;
  readonly #offer: string;
  /** By the index of the section. */
  readonly #accepted = new Map<number, Accepted>();
  #isAgreed = false;

  /** @param description Ours, without latch and with port 0 in each section. */
  constructor(latchkey: Latchkey, call: string, hop: LatchHop, description: string) {
    const { signalling, peer } = hop;
    this.#hop = hop;
    // Who takes latch is held to it: there is another way for who does not.
    this.session = latchkey.createSession({ signalling, policy: 'require', call, peer });
    this.#offer = this.session.setLocal(description.replace(/^(m=\w+) 0 /gm, `$1 ${NO_PORT} `));
    this.description = this.#offer.replace(new RegExp(`^(m=\\w+) ${NO_PORT} `, 'gm'), '$1 0 ');
  }

  /** Whether a `Latch:` header can be the answer for a section: what it agrees on PLAY shows. */
  static isAnswer(value: string): boolean {
    const latch = parseLatch(value);
    return latch.ok && latch.value !== undefined;
  }

  /** The way of one section, to whoever proves to have the other half. */
  accept(section: number, latch: string, clientPorts: readonly [number, number], lent: LentMedia): Way {
    this.#accepted.set(section, { latch, clientPorts });
    return new LatchedWay(this.session, section, { clientPorts, isRecord: false }, lent);
  }

  /** Completes the exchange, once. What is wrong with it, if anything; then nothing is sent. */
  agree(): string | undefined {
    if (this.#isAgreed) return undefined;
    const verdict = this.session.setRemote(this.#answer(), 'answer');
    if (!verdict.accepted) return verdict.warning;
    this.#isAgreed = true;
    this.session.confirm();
    return undefined;
  }

  close(): void {
    this.session.close();
  }

  /** The answer that the headers make together; sections that nobody set up are taken back. */
  #answer(): string {
    const sdp = parseSdp(this.#offer);
    if (!sdp.ok) return '';
    const { address } = this.#hop.peer;
    const network = `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;
    const lines = ['v=0', `o=- 1 1 ${network}`, 's=-', `c=${network}`, 't=0 0'];
    for (const { index, kind, protocol, formats } of sdp.value.media) {
      const accepted = this.#accepted.get(index);
      const [rtp, rtcp] = accepted?.clientPorts ?? [0, 0];
      lines.push(`m=${kind} ${rtp} ${protocol} ${formats.join(' ')}`);
      if (accepted) lines.push(`a=rtcp:${rtcp}`, `a=latch:${accepted.latch}`);
    }
    return lines.map((line) => `${line}\r\n`).join('');
  }
}

/** A stream of a latch session: its media goes to, and is taken from, whoever proves to have the other half. */
export class LatchedWay implements Way {
  readonly transport = 'latch';
  readonly choice: TransportChoice;
  readonly rtp: MediaPort;
  readonly rtcp: MediaPort;
  readonly #lent: LentMedia;
  #isClosed = false;

  constructor(
    session: Session,
    media: number,
    agreed: { readonly clientPorts: readonly [number, number]; readonly isRecord: boolean },
    lent: LentMedia,
  ) {
    const { pair, advertise } = lent;
    const serverPorts = [pair.rtpPort, pair.rtpPort + 1] as const;
    this.choice = { kind: 'udp', ...agreed, serverPorts, source: advertise };
    this.#lent = lent;
    this.rtp = session.bind(pair.rtp, { media });
    this.rtcp = session.bind(pair.rtcp, { media, component: 2 });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The session lets go of the sockets before they are given back.
    this.rtp.close();
    this.rtcp.close();
    this.#lent.pair.release();
  }
}
