// A session over HTTPS is an offer and an answer in JSON (docs/protocol.md, section 2). Rooms and latch sessions read SDP: here one is
// put into the words of the other. What is let through is a closed list, so that no field can bring a line of its own.
import { z } from 'zod';
import { parseSdp, type SdpMedia } from '../../lib/index.js';
import { Problem } from './problem.js';

const TAG = /^[A-Za-z0-9]{8,32}$/;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const SUITE = /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$/;
const ENCODING = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,31}\/[1-9]\d{0,8}(\/[1-9]\d{0,2})?$/;
/** RFC 8840 section 4.1.1: the address is not known yet. */
const UNKNOWN_PORT = 9;

const FORMAT = z.object({
  payloadType: z.number().int().min(0).max(127),
  encoding: z.string().regex(ENCODING),
});
const MEDIA = z.object({
  kind: z.enum(['audio', 'video', 'text']),
  formats: z.array(FORMAT).min(1).max(32).optional(),
  /** Ours: RTP and RTCP may share a port, and `rtcpPort` of the reply is then `port`. */
  rtcpMux: z.boolean().default(false),
});
const REQUEST = z.object({
  version: z.literal(1),
  tag: z.string().regex(TAG),
  secret: z.string().regex(SECRET),
  suites: z.array(z.string().regex(SUITE)).min(1).max(16),
  room: z.string().min(1).max(64),
  media: z.array(MEDIA).min(1).max(16),
});

export type SessionRequest = z.infer<typeof REQUEST>;

interface SessionFormat {
  readonly payloadType: number;
  readonly encoding: string;
}

/** One stream of the answer. Tag, secret and challenge are in it where there are several streams: each has its own. */
interface AnsweredMedia extends Partial<AnsweredHalf> {
  readonly kind: string;
  readonly address: string;
  readonly port: number;
  readonly rtcpPort: number;
  readonly formats: readonly SessionFormat[];
}

interface AnsweredHalf {
  readonly tag: string;
  readonly secret: string;
  readonly challenge: string;
}

export interface SessionReply extends Partial<AnsweredHalf> {
  readonly version: 1;
  readonly suite: string;
  readonly keepalive: number;
  readonly media: readonly AnsweredMedia[];
}

/** @throws Problem 400, naming the field and never its value. */
export function readSessionRequest(body: unknown): SessionRequest {
  const parsed = REQUEST.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Problem(400, `"${issue?.path.join('.') ?? ''}" is missing or wrong`);
}

/** The offer that the request stands for: the client's address is not in it, since the first hello shows it. */
export function offerOf({ tag, secret, suites, media }: SessionRequest): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    'c=IN IP4 0.0.0.0',
    't=0 0',
    `a=latch:1 ${tag} ${secret} suites=${suites.join(',')}`,
  ];
  for (const { kind, rtcpMux, formats = defaultFormats(kind) } of media) {
    const types = formats.map(({ payloadType }) => payloadType);
    lines.push(`m=${kind} ${UNKNOWN_PORT} RTP/AVP ${types.join(' ')}`);
    for (const { payloadType, encoding } of formats) lines.push(`a=rtpmap:${payloadType} ${encoding}`);
    if (rtcpMux) lines.push('a=rtcp-mux');
  }
  return [...lines, ''].join('\r\n');
}

function defaultFormats(kind: string): readonly SessionFormat[] {
  if (kind !== 'audio') throw new Problem(400, `"formats" is missing for ${kind}`);
  return [{ payloadType: 0, encoding: 'PCMU/8000' }];
}

/** The answer in JSON. A stream that was not taken has port 0. */
export function replyOf(answer: string): SessionReply {
  const parsed = parseSdp(answer);
  if (!parsed.ok) throw new Error(`an answer of ours is no SDP: ${parsed.error.message}`);
  const { media: sections } = parsed.value;
  const isAlone = sections.length === 1;
  const media = sections.map((section) => ({
    ...placeOf(section),
    formats: [...section.rtpmaps].map(([payloadType, encoding]) => ({ payloadType, encoding })),
    ...(!isAlone && halfOf(section)),
  }));
  const taken = sections.find(({ latch }) => latch);
  const { suite, keepaliveS } = taken?.latch ?? {};
  if (!taken || suite === undefined || keepaliveS === undefined)
    throw new Problem(400, 'there is no latch that both sides support');
  return { version: 1, ...(isAlone && halfOf(taken)), suite, keepalive: keepaliveS, media };
}

function placeOf({ kind, isRejected, address, port, rtcp, rtcpMux }: SdpMedia) {
  if (isRejected) return { kind, address, port: 0, rtcpPort: 0 };
  return { kind, address, port, rtcpPort: rtcpMux ? port : rtcp.port };
}

function halfOf({ latch, challenge }: SdpMedia): AnsweredHalf | undefined {
  if (!latch || !challenge) return undefined;
  return {
    tag: latch.tag,
    secret: Buffer.from(latch.secret).toString('base64url'),
    challenge: Buffer.from(challenge).toString('base64url'),
  };
}
