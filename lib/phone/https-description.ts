// The client's half of a session over HTTPS (protocol.md 2): its offer as a request in JSON, and the reply as the answer to it. The
// reply comes from a server that we did not choose to trust in its form: what is let through is a closed list.
import { parseSdp } from '../wire/index.js';
import { Failure } from './failure.js';

const TOKEN = /^[A-Za-z0-9][A-Za-z0-9.+_/-]{0,63}$/;
const BASE64URL = /^[A-Za-z0-9_-]{1,64}$/;
const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;

interface Half {
  readonly tag: string;
  readonly secret: string;
  readonly challenge: string;
}

/** The body of the request that an offer with `a=latch` stands for. */
export function requestOf(offer: string, room: string): object {
  const parsed = parseSdp(offer);
  const latch = parsed.ok ? (parsed.value.latch ?? parsed.value.media[0]?.latch) : undefined;
  if (!parsed.ok || !latch) throw new Failure('our own offer has no latch in it', 1);
  return {
    version: 1,
    tag: latch.tag,
    secret: Buffer.from(latch.secret).toString('base64url'),
    suites: latch.suites,
    room,
    media: parsed.value.media.map(({ kind, rtpmaps, rtcpMux }) => ({
      kind,
      rtcpMux,
      formats: [...rtpmaps].map(([payloadType, encoding]) => ({ payloadType, encoding })),
    })),
  };
}

/** The answer that the reply stands for. Throws a Failure that names the field. */
export function answerOf(reply: unknown): string {
  const { version, suite, keepalive, media, ...rest } = record(reply, 'the reply');
  if (version !== 1) throw wrong('version');
  if (!Array.isArray(media)) throw wrong('media');
  const lines = ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0'];
  for (const entry of media) {
    const { kind, address, port, rtcpPort, formats, ...own } = record(entry, 'media');
    if (!Array.isArray(formats)) throw wrong('formats');
    const types = formats.map((format: unknown) => {
      const { payloadType, encoding } = record(format, 'formats');
      return { type: whole(payloadType, 'payloadType'), encoding: text(encoding, TOKEN, 'encoding') };
    });
    const where = text(address, ADDRESS, 'address');
    const rtp = whole(port, 'port');
    const rtcp = whole(rtcpPort, 'rtcpPort');
    const half = halfOf(typeof own['tag'] === 'string' ? own : rest);
    lines.push(
      `m=${text(kind, TOKEN, 'kind')} ${rtp} RTP/AVP ${types.map(({ type }) => type).join(' ')}`,
      `c=IN ${where.includes(':') ? 'IP6' : 'IP4'} ${where}`,
      ...types.map(({ type, encoding }) => `a=rtpmap:${type} ${encoding}`),
      rtcp === rtp ? 'a=rtcp-mux' : `a=rtcp:${rtcp}`,
      `a=latch:1 ${half.tag} ${half.secret} suite=${text(suite, TOKEN, 'suite')} keepalive=${whole(keepalive, 'keepalive')}`,
      `a=latch-challenge:${half.challenge}`,
    );
  }
  return [...lines, ''].join('\r\n');
}

function halfOf({ tag, secret, challenge }: Record<string, unknown>): Half {
  return {
    tag: text(tag, BASE64URL, 'tag'),
    secret: text(secret, BASE64URL, 'secret'),
    challenge: text(challenge, BASE64URL, 'challenge'),
  };
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw wrong(name);
  return value as Record<string, unknown>;
}

function text(value: unknown, shape: RegExp, name: string): string {
  if (typeof value !== 'string' || !shape.test(value)) throw wrong(name);
  return value;
}

function whole(value: unknown, name: string): number {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 65_535) throw wrong(name);
  return Number(value);
}

function wrong(name: string): Failure {
  return new Failure(`the server's reply cannot be read: ${name} is missing or wrong`, 1);
}
