// The least that is a caller: one call over a connection that is open, written by hand so that it costs next to nothing. It offers PCMU
// with latch, and sends no media.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { PEERS_ADDRESS, SERVER_ADDRESS, portOf } from './load.js';

const ROOM = `sip:tea@${SERVER_ADDRESS};transport=tls`;

interface Reply {
  readonly status: number;
  readonly to: string;
}

export class SipCaller {
  #text = '';

  constructor(
    private readonly stream: Duplex,
    /** Its Call-ID and its tag: its alone. */
    private readonly name: string,
  ) {
    stream.setEncoding('latin1');
  }

  async callAndHangUp(): Promise<void> {
    this.#request('INVITE', 1, `<${ROOM}>`, offer());
    const { to } = await this.#accepted('INVITE');
    this.#request('ACK', 1, to);
    this.#request('BYE', 2, to);
    await this.#accepted('BYE');
  }

  #request(method: 'INVITE' | 'ACK' | 'BYE', sequence: number, to: string, body = ''): void {
    const { name } = this;
    const lines = [
      `${method} ${ROOM} SIP/2.0`,
      `Via: SIP/2.0/TLS ${PEERS_ADDRESS}:5061;branch=z9hG4bK${name}${method};rport`,
      'Max-Forwards: 70',
      `From: <sip:${name}@${PEERS_ADDRESS}>;tag=${name}`,
      `To: ${to}`,
      `Call-ID: ${name}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: <sip:${name}@${PEERS_ADDRESS};transport=tls>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ];
    this.stream.write(lines.join('\r\n'));
  }

  async #accepted(method: string): Promise<Reply> {
    for (;;) {
      const head = await this.#head();
      const status = Number(/^SIP\/2\.0 (\d{3})/.exec(head)?.[1]);
      if (!(status < 300)) throw new Error(`the server refuses the ${method}: ${head}`);
      const to = /^To: *(.*)$/im.exec(head)?.[1];
      if (status >= 200 && to !== undefined && head.includes(` ${method}`)) return { status, to };
    }
  }

  /** Of the next message, which is whole by then. */
  async #head(): Promise<string> {
    for (;;) {
      const endsAt = this.#text.indexOf('\r\n\r\n');
      const head = this.#text.slice(0, Math.max(0, endsAt));
      const wholeAt = endsAt + 4 + Number(/^(?:Content-Length|l): *(\d+)/im.exec(head)?.[1] ?? 0);
      if (endsAt >= 0 && wholeAt <= this.#text.length) {
        this.#text = this.#text.slice(wholeAt);
        return head;
      }
      const [piece] = (await once(this.stream, 'data')) as [string];
      this.#text += piece;
    }
  }
}

function offer(): string {
  const [tag, secret, word] = [
    randomBytes(8).toString('hex'),
    randomBytes(32).toString('base64url'),
    randomBytes(16).toString('base64url'),
  ];
  return [
    ...['v=0', `o=- 1 1 IN IP4 ${PEERS_ADDRESS}`, 's=-', `c=IN IP4 ${PEERS_ADDRESS}`, 't=0 0'],
    `m=audio ${portOf(0)} RTP/AVP 0`,
    ...['a=rtpmap:0 PCMU/8000', 'a=rtcp-mux'],
    ...[`a=latch:1 ${tag} ${secret} suites=HMAC-SHA-256,AES-256`, `a=latch-challenge:${word}`],
    '',
  ].join('\r\n');
}
