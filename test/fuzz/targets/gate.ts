// The gate in front of the SIP parser: datagrams judged, streams cut and judged. However a stream is cut into pieces, the same
// verdicts come out; what passes is a text that the package reads as one message, and what is answered is no more than what
// the request itself said, and no longer than three times it.
import { createRequire } from 'node:module';
import {
  GATE_LIMITS,
  GATE_REASONS,
  answerRefused,
  examineMessage,
  MessageFramer,
} from '../../../lib/sip/index.js';
import type { GateRefusal, GateVerdict } from '../../../lib/sip/index.js';
import { packageText } from '../../../plugins/sip/package-text.js';
import { fromLatin1, hold, latin1 } from '../target.js';
import type { Target } from '../target.js';
import { sipOf, SIGNALLING } from './recorded.js';

const LIMITS = {
  ...GATE_LIMITS,
  maxHeadBytes: 2500,
  maxBodyBytes: 1000,
  maxMessageBytes: 3200,
  maxLineBytes: 1200,
  maxLines: 60,
};
interface PackageMessage {
  readonly method?: string;
  readonly status?: number;
  readonly headers: Readonly<Record<string, unknown>>;
}
const sip = createRequire(import.meta.url)('sip') as { parse(text: string): PackageMessage | undefined };
const CONTROL = /[^ -~\x80-\uffff]/;

const SOURCE = { address: '192.0.2.9', port: 5070 };

function cut(text: string, piece: number): string[] {
  const verdicts: string[] = [];
  let isBroken = false;
  const framer = new MessageFramer(LIMITS, {
    onVerdict: (verdict, sizeBytes) => {
      hold(!isBroken, 'a message after the stream broke');
      hold(sizeBytes <= text.length, 'a message longer than the stream');
      verdicts.push(JSON.stringify(verdict));
      check(verdict, sizeBytes);
    },
    onBroken: ({ reason }) => {
      hold(!isBroken, 'a stream breaks twice');
      isBroken = true;
      // A head about as long as the limit may be too long before its end is seen.
      verdicts.push(reason === 'head-size' ? 'head-size' : `broken ${reason}`);
    },
  });
  for (let at = 0; at < text.length; at += piece) framer.push(text.slice(at, at + piece));
  return verdicts;
}

function run(bytes: Uint8Array): void {
  const text = latin1(bytes);
  const verdict = examineMessage(text, LIMITS);
  if (verdict) check(verdict, text.length);
  const whole = cut(text, text.length || 1);
  const pieces = cut(text, 1 + ((bytes[bytes.length - 1] ?? 0) % 29));
  if (!whole.includes('head-size') && !pieces.includes('head-size'))
    hold(whole.join('\n') === pieces.join('\n'), 'in pieces it is another stream');
}

function check(verdict: GateVerdict, received: number): void {
  if (!verdict.ok) return checkRefusal(verdict, received);
  const { message } = verdict;
  const text = packageText(message);
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end);
  hold(end >= 0 && text.slice(end + 4) === message.body, 'a head without its end, or another body');
  for (const line of head.split('\r\n')) {
    hold(!CONTROL.test(line), 'a control character passes');
    hold(line.length <= 4 * LIMITS.maxLineBytes + 200 && line !== '', 'a line that is too long, or empty');
  }
  hold(!/__proto__/i.test(head), 'a name that the parser dies of');
  const parsed = sip.parse(text) as
    { method?: string; status?: number; headers: Record<string, unknown> } | undefined;
  hold(parsed !== undefined, 'the package cannot read what passed');
  const { start, cseq, callId } = message;
  if (start.kind === 'request') hold(parsed.method === start.method, 'the package reads another method');
  else hold(parsed.status === start.status, 'the package reads another status');
  hold(String(parsed.headers['call-id']) === callId, 'the package reads another Call-ID');
  const read = parsed.headers.cseq as { seq: number; method: string } | undefined;
  hold(read?.seq === cseq.seq && read.method === cseq.method, 'the package reads another CSeq');
  hold((parsed.headers.via as unknown[]).length === message.vias.length, 'the package reads other Vias');
}

function checkRefusal({ reason, answerable }: GateRefusal, received: number): void {
  hold((GATE_REASONS as readonly string[]).includes(reason), `no such reason: "${reason}"`);
  if (!answerable) return;
  const answer = answerRefused(answerable, reason, SOURCE, 'tag', received);
  if (answer === undefined) return;
  hold(answer.length <= 3 * received, 'an answer of more than three times its request');
  const lines = answer.split('\r\n');
  hold(/^SIP\/2\.0 (400|413|505) /.test(lines[0] ?? ''), 'an answer that is none');
  hold(lines.length === answerable.vias.length + 10, 'an answer with lines of somebody else');
  for (const line of lines) hold(!CONTROL.test(line), 'an answer with a stray line end');
}

const INVITE = [
  'INVITE sip:room@example.net SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776;rport',
  'v: SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK777;received=2001:db8::1',
  'From: "A \\" B" <sip:a@example.net>;tag=1',
  'To: <sip:room@example.net>',
  'Call-ID: a@b',
  'CSeq: 1 INVITE',
  'Max-Forwards: 70',
  'Contact: <sip:a@192.0.2.1:5060;transport=udp>',
  'Route: <sip:p@192.0.2.3;lr>, "q, r" <sip:q@192.0.2.3;lr>',
  'Content-Length: 4',
  '',
  'v=0\n',
].join('\r\n');

export const target: Target = {
  name: 'gate',
  maxBytes: 3600,
  dictionary: [
    '\r\n\r\n',
    '\r\n ',
    '\r\n',
    'Content-Length: 4\r\n',
    'l: 0\r\n',
    'Content-Length: -1\r\n',
    '__proto__',
    ';received=2001:db8::1',
    'Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n',
    'From: <sip:a@b>;tag=1\r\n',
    'To: b <sip:b@b>\r\n',
    'Call-ID: x\r\n',
    'CSeq: 2 BYE\r\n',
    'BYE sip:a SIP/2.0\r\n',
    'SIP/2.0 200 OK\r\n',
    'SIP/7.0',
    'Record-Route: <sip:a;lr>,<sip:b;lr>\r\n',
    '         ',
    '\t',
    '"',
    '\\"',
    '<',
    '>;',
    ',',
    '%0d%0a',
    '\0',
  ],
  *seeds(root) {
    yield fromLatin1(INVITE);
    yield fromLatin1(`\r\n\r\n${INVITE}${INVITE}`);
    yield fromLatin1(INVITE.replace('CSeq: 1 INVITE', 'CSeq: 1 BYE'));
    yield* sipOf(root, SIGNALLING).slice(0, 20);
  },
  run,
  work: { base: 20_000, perByte: 300 },
};
