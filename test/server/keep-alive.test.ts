// The way of a call's signalling is kept open, by the server and by the phone, over each transport: real sockets, with the one timer
// that this is about running faster.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import sinon from 'sinon';
import { startTerminal } from '../../lib/cli/terminal.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer, Listening } from '../../lib/server/index.js';
import { KeepAlive } from '../../lib/sip/keep-alive.js';
import { MessageFramer, parseCallUri } from '../../lib/sip/index.js';
import { GATE_LIMITS } from '../../lib/sip/gate.js';
import { latchSip } from '../../plugins/sip/index.js';
import { PlainServer, unrefLongTimers } from '../cli/plain-server.js';
import { RawPhone } from '../cli/raw-phone.js';
import { createCertificate, sip } from '../plugins/sip-phones.js';

describe('a way that is kept open', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => (clock = sinon.useFakeTimers()));
  afterEach(() => clock.restore());

  it('is used after 20 to 25 s of silence, not always the same, and never once it is over', () => {
    const atMs: number[] = [];
    const kept = new KeepAlive(() => atMs.push(clock.now));
    kept.noteHeard();
    clock.tick(60_000);
    assert.deepEqual(atMs, [], 'not before it is asked for');
    const beganMs = clock.now;
    kept.start();
    clock.tick(600_000);
    const waits = atMs.map((one, index) => one - (atMs[index - 1] ?? beganMs));
    assert.ok(waits.length >= 23 && waits.every((ms) => ms >= 20_000 && ms <= 25_000), String(waits));
    assert.ok(new Set(waits).size > 5, 'drawn anew');
    const sent = atMs.length;
    for (let i = 0; i < 10; i++) {
      clock.tick(19_000);
      kept.noteHeard();
    }
    assert.ok(atMs.length <= sent + 1, 'the other side is heard');
    kept.stop();
    kept.noteHeard();
    clock.tick(60_000);
    assert.ok(atMs.length <= sent + 1);
  });

  it('is asked about by two line breaks between messages, however they come', () => {
    const pings = (...pieces: string[]) => {
      let count = 0;
      const ignore = () => undefined;
      const listener = { onVerdict: ignore, onBroken: ignore, onPing: () => count++ };
      const framer = new MessageFramer(GATE_LIMITS, listener);
      for (const piece of pieces) framer.push(piece);
      return count;
    };
    const message = 'OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n';
    assert.equal(pings('\r\n\r\n'), 1);
    assert.equal(pings('\r\n', '\r', '\n'), 1);
    assert.equal(pings('\r\n\r\n', '\r\n\r\n'), 2);
    assert.equal(pings(`\r\n${message}\r\n${message}`), 0, 'one is no question');
    assert.equal(pings(message, '\r\n', message, '\r\n'), 0);
    assert.equal(pings(message, `\r\n\r\n${message}`), 1);
    assert.equal(pings('\r\n'.repeat(50_000)), 1, 'one answer to any number');
  });
});

describe('the signalling of a call', () => {
  let server: DistributionServer;
  let listening: Listening;
  const closers: (() => unknown)[] = [];
  let restore: (() => void)[];

  beforeEach(async () => {
    restore = [unrefLongTimers(), hurry()];
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      media: { kind: 'shared', port: 'auto' },
      listen: { udp: 'auto', tcp: 'auto', tls: 'auto', ws: 'auto', ...(await createCertificate()) },
    });
    listening = await server.start();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await server.close({ graceMs: 100 });
    for (const undo of restore) undo();
  });

  const portOf = (protocol: 'UDP' | 'TCP' | 'TLS' | 'WS') => listening.sip[protocol]?.port ?? 0;

  /** A terminal that has called, by way of a relay that notes what goes by in each direction where it is a stream. */
  async function call(transport: 'udp' | 'tcp' | 'ws', port = portOf('UDP')) {
    const relay = transport === 'udp' ? undefined : await relayTo(portOf(transport === 'ws' ? 'WS' : 'TCP'));
    if (relay) closers.push(() => relay.close());
    const parsed = parseCallUri(`sip:echo@127.0.0.1:${relay?.port ?? port};transport=${transport}`);
    assert.ok(parsed.ok);
    const terminal = startTerminal({ uri: parsed.uri });
    closers.push(() => terminal.hangUp());
    await terminal.answered;
    return relay;
  }

  it('UDP: the server asks in the dialog, again and again', async () => {
    const phone = await RawPhone.open(portOf('UDP'));
    closers.push(() => phone.close());
    await phone.ask('INVITE', { user: 'echo', body: phone.sdp(), isAcked: false });
    phone.send('ACK');
    const isQuestion = (one: { method: string; headers: ReadonlyMap<string, string> }) =>
      one.method === 'OPTIONS' && one.headers.get('call-id') === phone.callId;
    const first = await phone.next(isQuestion);
    phone.answer(first);
    const second = await phone.next(isQuestion, phone.messages.indexOf(first) + 1);
    phone.answer(second);
    assert.match(second.headers.get('to') ?? '', new RegExp(`;tag=${phone.tag}$`));
    assert.equal(server.latchkey.sessions.size, 1);
  });

  it('UDP: so does the phone, of any server', async () => {
    const plain = await PlainServer.start();
    closers.push(() => plain.close());
    await call('udp', plain.port);
    const questions = () => plain.requests.filter(({ method }) => method === 'OPTIONS');
    while (questions().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const [first] = questions();
    assert.ok(first?.headers.to?.params?.['tag'], 'in the dialog');
  });

  it('TCP: the phone asks by two line breaks, and the server answers by one', async () => {
    const relay = await call('tcp');
    await relay?.until('up', (piece) => piece === '\r\n\r\n');
    await relay?.until('down', (piece) => piece === '\r\n');
  });

  it('WebSocket: the phone asks, and is answered', async () => {
    const relay = await call('ws');
    // A text frame of two bytes, not masked: a line break.
    await relay?.until('down', (piece) => piece.includes('\x81\x02\r\n'));
  });

  it('TCP and WebSocket: the server keeps a connection open over which its phone says nothing', async () => {
    for (const protocol of ['TCP', 'WS'] as const) {
      const stream = net.connect(portOf(protocol), '127.0.0.1').setEncoding('latin1');
      closers.push(() => stream.destroy());
      let text = '';
      stream.on('data', (data) => (text += String(data)));
      const next = async (pattern: RegExp): Promise<RegExpExecArray> => {
        for (;;) {
          const found = pattern.exec(text);
          if (found) return found;
          await once(stream, 'data');
        }
      };
      const write = (bytes: string) =>
        protocol === 'TCP' ? stream.write(bytes, 'latin1') : stream.write(textFrame(bytes));
      if (protocol === 'WS') {
        stream.write(
          'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n',
        );
        await next(/101 Switching/);
      }
      const phone = await RawPhone.open(portOf('UDP'));
      closers.push(() => phone.close());
      const body = phone.sdp();
      const message = (method: string, to: string, more: readonly string[]) =>
        [
          `${method} sip:echo@server.invalid SIP/2.0`,
          `Via: SIP/2.0/${protocol} nat.invalid;branch=z9hG4bK${method}${protocol}`,
          `From: <sip:a@b>;tag=x`,
          `To: ${to}`,
          `Call-ID: quiet-${protocol}`,
          `CSeq: 1 ${method}`,
          `Contact: <sip:a@192.0.2.1;transport=${protocol.toLowerCase()}>`,
          ...more,
        ].join('\r\n');
      const described = ['Content-Type: application/sdp', `Content-Length: ${body.length}`, '', body];
      write(message('INVITE', '<sip:echo@b>', described));
      const [, to = ''] = await next(/SIP\/2\.0 200 OK[^]*?^To:\s*([^\r]*)/m);
      await next(/\r\n\r\nv=0[^]*a=[^\r]*\r\n$/);
      write(message('ACK', to, ['Content-Length: 0', '', '']));
      text = '';
      const twice = (protocol === 'TCP' ? '\r\n' : '\x89\0').repeat(2);
      while (!text.startsWith(twice)) await once(stream, 'data');
    }
  });
});

/** Timers of 20 to 25 s fire after a tenth of a second. */
function hurry(): () => void {
  const { setTimeout: later, setInterval: always } = globalThis;
  const hurried = (ms = 0) => (ms >= 20_000 && ms <= 25_000 ? 100 : ms);
  const sooner = (run: () => void, ms?: number) => later(run, hurried(ms));
  globalThis.setTimeout = Object.assign<typeof sooner, typeof setTimeout>(sooner, later);
  globalThis.setInterval = (run: () => void, ms?: number) => always(run, hurried(ms));
  return () => Object.assign(globalThis, { setTimeout: later, setInterval: always });
}

/** A client's frame, masked with zeros. */
function textFrame(text: string): Buffer {
  const head = Buffer.alloc(8);
  head.set([0x81, 0x80 | 126]);
  head.writeUInt16BE(text.length, 2);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

async function relayTo(port: number) {
  const seen = { up: [] as string[], down: [] as string[] };
  const sockets = new Set<net.Socket>();
  let wake: () => void = () => undefined;
  const relay = net.createServer((from) => {
    const to = net.connect(port, '127.0.0.1');
    for (const [one, other, way] of [
      [from, to, 'up'],
      [to, from, 'down'],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => other.destroy());
      one.on('data', (data) => {
        seen[way].push(data.toString('latin1'));
        other.write(data);
        wake();
      });
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as net.AddressInfo).port,
    /** A piece that came at once and fits, now or later. */
    until: async (way: 'up' | 'down', fits: (piece: string) => boolean) => {
      while (!seen[way].some(fits)) await new Promise<void>((resolve) => (wake = resolve));
    },
    close: () => {
      relay.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
