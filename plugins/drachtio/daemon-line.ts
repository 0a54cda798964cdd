/**
 * The lines that a daemon and its application exchange, as values: fields parted by `|` and, after the first line break, a SIP
 * message as text. They are those of the daemon's source (drachtio-server 0.9.10, client.cpp): the page on messages in its
 * documentation describes an older protocol. What is no such line is handed on as it came.
 */

/** A SIP message that has come over the network or that the daemon has sent of its own accord. */
export interface SipLine {
  readonly kind: 'sip';
  readonly source: 'network' | 'application';
  /** As far as the daemon says it: `udp`, `tcp` or `tls`; WebSockets are `tcp` to it. */
  readonly protocol: string;
  /** Where a message came from, as the daemon sees it. */
  readonly address: string;
  readonly port: string;
  /** The port of the daemon's at which it listens for that: told of what begins a dialog, else empty. */
  readonly listenerPort: string;
  readonly transaction: string;
  /** Empty for what begins a dialog. */
  readonly dialog: string;
  /** Everything before the message, for handing it on. */
  readonly head: string;
  readonly sip: string;
}

/** The answer to a line of the application's. */
export interface AnswerLine {
  readonly kind: 'answer';
  /** The name of the line that is answered. */
  readonly to: string;
  readonly isOk: boolean;
  /** Why not. */
  readonly reason: string;
  readonly transaction: string;
  readonly dialog: string;
  readonly head: string;
  /** What was really sent. */
  readonly sip: string;
}

/** A line of which nothing is known but that it may hold a message. */
export interface OtherLine {
  readonly kind: 'other';
  readonly head: string;
  readonly sip: string;
}

export type DaemonLine = SipLine | AnswerLine | OtherLine;

const LINE_BREAK = '\r\n';

function parted(text: string): { head: string; sip: string } {
  const end = text.indexOf(LINE_BREAK);
  return end === -1
    ? { head: text, sip: '' }
    : { head: text.slice(0, end), sip: text.slice(end + LINE_BREAK.length) };
}

export function readDaemonLine(text: string): DaemonLine {
  const { head, sip } = parted(text);
  const fields = head.split('|');
  const field = (index: number) => fields[index] ?? '';
  const source = field(2);
  if (field(1) === 'sip' && (source === 'network' || source === 'application'))
    return {
      ...{ kind: 'sip', source, protocol: field(4).toLowerCase(), address: field(5), port: field(6) },
      ...{ transaction: field(8), dialog: field(9), listenerPort: field(11), head, sip },
    };
  if (field(1) === 'response')
    return {
      ...{ kind: 'answer', to: field(2), isOk: field(3) === 'OK', reason: field(4) },
      ...{ transaction: field(10), dialog: field(11), head, sip },
    };
  return { kind: 'other', head, sip };
}

/** A line with another message in it. */
export function joinLine(head: string, sip: string): string {
  return sip === '' ? head : head + LINE_BREAK + sip;
}

/** A line of the application's. */
export interface ApplicationLine {
  /** `sip`, `proxy`, `route`, `authenticate` and so on. */
  readonly verb: string;
  readonly transaction: string;
  readonly dialog: string;
  /** The URI that a request is to go to first. */
  readonly route: string;
  readonly head: string;
  readonly sip: string;
}

export function readApplicationLine(text: string): ApplicationLine {
  const { head, sip } = parted(text);
  const [verb = '', transaction = '', dialog = '', route = ''] = head.split('|');
  return { verb, transaction, dialog, route, head, sip };
}

/** A request of the daemon's own accord, as it tells its application of it. */
export function writeUnsolicited(dialog: string, sip: string): string {
  return joinLine(`latchkey|sip|application|${sip.length}|||||unsolicited|${dialog}|`, sip);
}

/** The answer that a daemon gives to a line of the application's of which nothing has come. */
export function writeRefusal(name: string, reason: string): string {
  return `latchkey|response|${name}|NOK|${reason}`;
}
