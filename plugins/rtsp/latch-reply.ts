// The latch session of one announcement (docs/protocol.md 2, RTSP): ANNOUNCE is the offer, and the 200 has our halves and words in headers, one of
// each for every section that is taken. Who offers latch is held to it: over UDP nothing else is taken from there.
import type { Latchkey, Session } from '../../lib/index.js';
import type { LentMedia } from '../../lib/server/index.js';
import { formatChallenge, formatLatch, parseSdp } from '../../lib/wire/index.js';
import { LatchedWay } from './latch-offer.js';
import type { LatchHop } from './latch-offer.js';
import type { Way } from './way.js';

/** Where media is that SETUP settles. */
const NO_PORT = 9;

export class LatchReply {
  /** For the 200 to the ANNOUNCE. */
  readonly headers: readonly (readonly [string, string])[];
  readonly #session: Session;

  /** Undefined where the description offers no latch; what is wrong with it, if anything. */
  static to(
    description: string,
    site: { readonly latchkey: Latchkey; readonly call: string; readonly hop: LatchHop },
  ): LatchReply | string | undefined {
    const offer = description.replace(/^(m=\S+) 0 /gm, `$1 ${NO_PORT} `);
    const parsed = parseSdp(offer);
    if (!parsed.ok || !parsed.value.media.some(({ latch }) => latch)) return undefined;
    const { signalling, peer } = site.hop;
    const session = site.latchkey.createSession({ signalling, policy: 'require', call: site.call, peer });
    const verdict = session.setRemote(offer, 'offer');
    if (verdict.accepted) return new LatchReply(session, session.setLocal(answerTo(offer), 'answer'));
    session.close();
    return verdict.warning;
  }

  private constructor(session: Session, answer: string) {
    this.#session = session;
    const parsed = parseSdp(answer);
    this.headers = (parsed.ok ? parsed.value.media : []).flatMap(({ latch, challenge }) =>
      latch && challenge
        ? [
            ['Latch', formatLatch(latch).replace(/^a=latch:/, '')] as const,
            ['Latch-Challenge', formatChallenge(challenge).replace(/^a=latch-challenge:/, '')] as const,
          ]
        : [],
    );
    session.confirm();
  }

  accept(section: number, clientPorts: readonly [number, number], lent: LentMedia): Way {
    return new LatchedWay(this.#session, section, { clientPorts, isRecord: true }, lent);
  }

  close(): void {
    this.#session.close();
  }
}

/** Ours takes every section as it was offered: what a room passes through of it, the room says. */
function answerTo(offer: string): string {
  const parsed = parseSdp(offer);
  const lines = ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 'c=IN IP4 0.0.0.0', 't=0 0'];
  for (const { kind, port, protocol, formats } of parsed.ok ? parsed.value.media : [])
    lines.push(`m=${kind} ${port} ${protocol} ${formats.join(' ')}`, 'a=recvonly');
  return lines.map((line) => `${line}\r\n`).join('');
}
