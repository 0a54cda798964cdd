/**
 * What the messages of a dialog show of its peer, told to the session (protocol.md 8): where its descriptions come from, that the
 * dialog is confirmed, what became of a question, and that its IP address is *shown*: somebody receives there. It judges
 * nothing by what a message says, only by where it came from and where ours went.
 */
import { isIP } from 'node:net';
import { normaliseIp } from '../index.js';
import type { PeerSource, PeerTransport, QuestionOutcome, Session } from '../index.js';
import type { Signalling } from './hop.js';
import type { SipFlow } from './message-types.js';

const TRANSPORTS: readonly string[] = ['udp', 'tcp', 'tls', 'ws', 'wss'] satisfies PeerTransport[];
/** More than one is one too many: which they are does not matter then. */
const MAX_SENT_TO = 2;

/** Where a message came from; undefined where that cannot be said. */
export function peerSource(flow: SipFlow, signalling: Signalling): PeerSource | undefined {
  // Behind a proxy that the owner names, home is who it says (protocol.md 8).
  if (flow.behind) return { address: flow.behind.address, transport: 'proxy' };
  const protocol = flow.protocol.toLowerCase();
  // The sip package reports WSS as WS.
  const transport = protocol === 'ws' && signalling === 'encrypted' ? 'wss' : protocol;
  const address = addressOf(flow);
  if (address === undefined || !TRANSPORTS.includes(transport)) return undefined;
  return { address, transport: transport as PeerTransport };
}

export class PeerKnowledge {
  /** The IP addresses to which messages with our tag or branch went. */
  readonly #sentTo = new Set<string>();
  /** The one address has been told. */
  #isShown = false;

  constructor(private readonly session: Session) {}

  /** For a dialog made by the same INVITE as another: that has carried the tag and the branch of both. */
  inherit(other: PeerKnowledge): void {
    for (const address of other.#sentTo) this.#sentTo.add(address);
  }

  /** A description of the peer's has come, and is about to be read. */
  noteSource(flow: SipFlow, signalling: Signalling): void {
    const source = peerSource(flow, signalling);
    if (source && !this.session.isClosed) this.session.peer(source);
  }

  /** A message of ours with our tag or branch in it goes out. */
  noteSent(flow: SipFlow): void {
    if (this.#sentTo.size < MAX_SENT_TO) this.#sentTo.add(addressOf(flow) ?? '');
  }

  /** One with our tag in it went to somebody else: there is no one address any more. */
  noteSentElsewhere(): void {
    this.#sentTo.add('');
  }

  /**
   * An ACK, a PRACK or a response has come that repeats our tag or branch: where all that carried them went to one address, and
   * this came from there, somebody receives there (protocol.md 8). Over UDP a source may be forged; that it repeats what it
   * cannot know may not. Returns the address that is shown by it.
   */
  noteRepeated(flow: SipFlow): string | undefined {
    const address = addressOf(flow);
    if (address === undefined || this.session.isClosed) return undefined;
    if (this.#sentTo.size !== 1 || !this.#sentTo.has(address)) return undefined;
    if (!this.#isShown) this.session.shown(address);
    this.#isShown = true;
    return address;
  }

  /** The ACK has come, or the 2xx to our own INVITE. */
  noteConfirmed(): void {
    if (!this.session.isClosed) this.session.confirm();
  }

  noteAsked(outcome: QuestionOutcome): void {
    if (!this.session.isClosed) this.session.asked(outcome);
  }
}

/** In one spelling, without its zone. */
function addressOf({ address, host }: SipFlow): string | undefined {
  const text = (address ?? host ?? '').replace(/^\[|\]$|%.*$/g, '');
  return isIP(text) === 0 ? undefined : normaliseIp(text);
}
