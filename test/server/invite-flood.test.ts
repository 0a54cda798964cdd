// A flood of INVITEs that nobody acknowledges, beside honest calls from the same IP address (issue 10, demand 6): through the server,
// its plugin and real sockets. The flood ends its own calls, never theirs.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const FLOOD_PER_S = 350;
const HONEST = 33;

let names = 0;

async function open(closers: (() => void)[]): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
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

/** As a phone does it: the INVITE again until something comes, the ACK, the BYE in the end. What it was answered. */
async function honestCall(socket: dgram.Socket, port: number): Promise<string> {
  const name = `honest${++names}`;
  const invite = message('INVITE', socket, name);
  let isAnswered = false;
  const answered = new Promise<string>((resolve) => {
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      if (!text.includes(`Call-ID: ${name}\r\n`) || !text.includes('CSeq: 1 INVITE')) return;
      isAnswered = true;
      const to = /^To:.*;tag=(\S+)/m.exec(text)?.[1] ?? '';
      socket.send(message('ACK', socket, name, to), port, '127.0.0.1');
      resolve(`${text.slice(8, 11)} ${to}`);
    });
  });
  for (let afterMs = 500; !isAnswered && afterMs <= 8000; afterMs *= 2) {
    socket.send(invite, port, '127.0.0.1');
    await Promise.race([answered, wait(afterMs)]);
  }
  return Promise.race([answered.then((text) => `${text} ${name}`), wait(100).then(() => 'nothing')]);
}

describe('a flood of INVITEs without ACK', () => {
  const closers: (() => void)[] = [];
  let server: DistributionServer;
  let port: number;

  beforeEach(async () => {
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: 'auto' },
      // 1,000 pairs, none of which the system gives to a phone: less than the flood asks for in three seconds.
      media: { kind: 'range', low: 20_000, high: 21_999 },
    });
    server.on('fault', () => undefined);
    port = (await server.start()).sip.UDP?.port ?? 0;
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) close();
    await server.close({ graceMs: 0 });
  });

  async function flood(sockets: readonly dgram.Socket[], isOver: () => boolean): Promise<number> {
    let sent = 0;
    let lastMs = performance.now();
    while (!isOver()) {
      const nowMs = performance.now();
      // A pause of this process is not made up for in one burst: the kernel would drop the honest ones with it.
      const due = sent + (Math.min(nowMs - lastMs, 50) / 1000) * FLOOD_PER_S;
      lastMs = nowMs;
      for (; sent < due; sent++) {
        const socket = sockets[sent % sockets.length];
        if (socket) socket.send(message('INVITE', socket, `flood${++names}`), port, '127.0.0.1');
      }
      await wait(10);
    }
    return sent;
  }

  for (const [from, count] of [
    ['one socket', 1],
    ['as many ports of the same IP address as it likes', 64],
  ] as const)
    it(`from ${from} keeps no honest caller out: ${HONEST} of ${HONEST} are answered, and stay`, async function () {
      this.timeout(60_000);
      const sockets = await Promise.all(Array.from({ length: count }, () => open(closers)));
      let isOver = false;
      const flooded = flood(sockets, () => isOver);
      await wait(500);
      const calls: Promise<string>[] = [];
      const phones: dgram.Socket[] = [];
      for (let i = 0; i < HONEST; i++) {
        const phone = await open(closers);
        phones.push(phone);
        calls.push(honestCall(phone, port));
        await wait(100);
      }
      const answers = await Promise.all(calls);
      isOver = true;
      const sent = await flooded;
      assert.ok(sent > 1000, `the flood was one: ${sent}`);
      assert.equal(
        answers.filter((text) => text.startsWith('200 ')).length,
        HONEST,
        JSON.stringify({ answers, bounds: server.counters.bounds }),
      );
      const open_ = new Set(server.snapshot().calls.map(({ call }) => call));
      for (const text of answers) assert.ok(open_.has(text.split(' ')[2] ?? ''), `${text} is still up`);
      assert.ok((server.counters.bounds.unconfirmedCalls ?? 0) > 0, 'calls of the flood gave way');
    });
});
