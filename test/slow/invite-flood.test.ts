// A flood of INVITEs that nobody acknowledges, beside honest calls from the same IP address (issue 10, demand 6): through `latchkey
// serve` as it is unless told. The flood ends its own calls, never theirs.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { ServerCounters } from '../../lib/server/index.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';

const FLOOD_PER_S = 350;
const HONEST = 33;
const HONEST_PER_S = 10;
/** Of the flood, before the first honest call. */
const BEFORE = 4 * FLOOD_PER_S;
/** What a pause of this process has left out is made up for little by little: the kernel would drop honest ones with a burst. */
const BATCH = 20;
/** RFC 3261 17.1.1.1: the first repetition of an INVITE comes after T1, and it is given up after 64 T1. */
const T1_MS = 500;
const TIMER_B_MS = 64 * T1_MS;

let names = 0;
/** Outside of the range that the server takes ports from: one of its own is no address of a phone (protocol.md 5.7). */
let nextPort = 20_000 + (process.pid % 100) * 100;

async function open(closers: (() => void)[]): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind(nextPort++, '127.0.0.1');
  closers.push(() => socket.close());
  await once(socket, 'listening');
  return socket;
}

function message(method: string, socket: dgram.Socket, name: string, to = ''): Buffer {
  const { port } = socket.address();
  const body =
    method === 'INVITE'
      ? `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\na=rtcp-mux\r\n`
      : '';
  const lines = [
    `${method} sip:hall@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${name}${method === 'INVITE' ? '' : method};rport`,
    'Max-Forwards: 70',
    `From: <sip:a@127.0.0.1>;tag=${name}`,
    `To: <sip:hall@127.0.0.1>${to === '' ? '' : `;tag=${to}`}`,
    `Call-ID: ${name}`,
    `CSeq: ${method === 'BYE' ? 2 : 1} ${method}`,
    `Contact: <sip:a@127.0.0.1:${port}>`,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

interface HonestCall {
  readonly name: string;
  /** 0 where nothing came. */
  readonly status: number;
  /** How often the INVITE was sent. */
  readonly sent: number;
}

/** As a phone does it: the INVITE again until something comes (RFC 3261 17.1.1.2), and the ACK. */
async function honestCall(socket: dgram.Socket, port: number): Promise<HonestCall> {
  const name = `honest${++names}`;
  const invite = message('INVITE', socket, name);
  let status = 0;
  const answered = new Promise<void>((resolve) => {
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      if (!text.includes(`Call-ID: ${name}\r\n`) || !text.includes('CSeq: 1 INVITE')) return;
      status = Number(text.slice(8, 11));
      const to = /^To:.*;tag=(\S+)/m.exec(text)?.[1] ?? '';
      socket.send(message('ACK', socket, name, to), port, '127.0.0.1');
      resolve();
    });
  });
  let sent = 0;
  for (let afterMs = T1_MS; status === 0 && afterMs < TIMER_B_MS; afterMs *= 2, sent++) {
    socket.send(invite, port, '127.0.0.1');
    await Promise.race([answered, wait(afterMs)]);
  }
  return { name, status, sent };
}

describe('a flood of INVITEs without ACK', () => {
  const closers: (() => void)[] = [];
  let server: ServerProcess;
  let port: number;

  after(() => CommandProcess.killAll());
  beforeEach(async () => {
    server = await ServerProcess.start('--media', '40000-49999', '--verbose');
    port = server.port('udp');
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) close();
    await server.stop('SIGKILL');
  });

  /** As fast as that where the machine keeps up: what counts is how many come between two honest calls. */
  class Flood {
    sent = 0;
    isOver = false;
    readonly ended: Promise<void>;

    constructor(readonly sockets: readonly dgram.Socket[]) {
      this.ended = this.#run();
    }

    async until(sent: number): Promise<void> {
      while (this.sent < sent) await wait(5);
    }

    async #run(): Promise<void> {
      const beginMs = performance.now();
      while (!this.isOver) {
        const due = ((performance.now() - beginMs) / 1000) * FLOOD_PER_S;
        for (let batch = 0; this.sent < due && batch < BATCH; this.sent++, batch++) {
          const socket = this.sockets[this.sent % this.sockets.length];
          if (socket) socket.send(message('INVITE', socket, `flood${++names}`), port, '127.0.0.1');
        }
        await wait(10);
      }
    }
  }

  for (const [from, count] of [
    ['one socket', 1],
    ['as many ports of the same IP address as it likes', 64],
  ] as const)
    it(`from ${from} keeps no honest caller out: ${HONEST} of ${HONEST} are answered, and stay`, async function () {
      this.timeout(240_000);
      const sockets = await Promise.all(Array.from({ length: count }, () => open(closers)));
      const flood = new Flood(sockets);
      const calls: Promise<HonestCall>[] = [];
      for (let i = 0; i < HONEST; i++) {
        // The bounds are full by then.
        await flood.until(BEFORE + (i * FLOOD_PER_S) / HONEST_PER_S);
        calls.push(honestCall(await open(closers), port));
      }
      const answers = await Promise.all(calls);
      flood.isOver = true;
      await flood.ended;
      await server.stop();
      const last = server.events.find(({ final }) => final === true) as unknown as ServerCounters & {
        sessions: { call: string }[];
      };
      const { bounds, sessions } = last;
      const told = JSON.stringify({ sent: flood.sent, answers, bounds });
      assert.equal(answers.filter(({ status }) => status === 200).length, HONEST, told);
      const up = new Set(sessions.map(({ call }) => call));
      for (const { name } of answers) assert.ok(up.has(name), `${name} is still up: ${told}`);
      assert.ok((bounds.unconfirmedCalls ?? 0) > 0, `calls of the flood gave way: ${told}`);
    });
});
