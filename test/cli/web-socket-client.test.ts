// The terminal over WebSockets against `latchkey serve` as a process of its own: the call, the certificate, the signalling
// cut off in mid call, and a clear reason where there is no call.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { Failure } from '../../lib/phone/failure.js';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { createCertificate } from '../plugins/sip-phones.js';
import { eventually } from '../plugins/sip-js-phones.js';
import { ServerProcess } from './server-process.js';

/** A wire that can be cut. */
class Wire {
  readonly #listener = net.createServer((near) => {
    const far = net.connect(this.target, '127.0.0.1');
    this.connections.push(near, far);
    near.pipe(far).pipe(near);
    far.on('data', (data: Buffer) => (this.told += data.toString('latin1')));
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  readonly connections: Socket[] = [];
  /** What the server has said, since the last cut. */
  told = '';

  constructor(private readonly target: number) {}

  async open(): Promise<number> {
    await once(this.#listener.listen(0, '127.0.0.1'), 'listening');
    return (this.#listener.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.connections.splice(0)) socket.destroy();
    this.told = '';
  }

  close(): void {
    this.#listener.close();
    this.cut();
  }
}

describe('the terminal over WebSockets', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let ca: string;
  const terminals: Terminal[] = [];
  const wires: Wire[] = [];

  beforeEach(async () => {
    server = await ServerProcess.start('--wss', 'auto', '--ws', 'auto');
    ca = readFileSync(String(server.listening['certificate']), 'utf8');
  });
  afterEach(async () => {
    await Promise.all(terminals.splice(0).map((terminal) => terminal.hangUp()));
    await server.stop();
    for (const wire of wires.splice(0)) wire.close();
  });

  function call(
    transport: string,
    more: Partial<TerminalOptions> = {},
    port = server.port(transport),
  ): Terminal {
    const parsed = parseCallUri(`sip:echo@127.0.0.1:${port};transport=${transport}`);
    assert.ok(parsed.ok);
    const terminal = startTerminal({ uri: parsed.uri, ...more });
    terminals.push(terminal);
    return terminal;
  }

  async function failureOf(terminal: Terminal): Promise<string> {
    const failure: unknown = await terminal.answered.catch((error: unknown) => error);
    assert.ok(failure instanceof Failure, String(failure));
    assert.equal(failure.exitCode, 1);
    return failure.message;
  }

  it('both listeners of one server, WSS and WS, are told', () => {
    assert.notEqual(server.port('wss'), server.port('ws'));
  });

  for (const [transport, signalling] of [
    ['wss', 'encrypted'],
    ['ws', 'loopback'],
  ] as const)
    it(`${transport}: is verified, hears its echo and hangs up`, async () => {
      const terminal = call(transport, transport === 'wss' ? { ca } : {});
      const protection = await terminal.answered;
      assert.equal(protection.signalling, signalling);
      assert.equal(protection.suite, 'HMAC-SHA-256');
      await eventually(() => terminal.summary.received > 5);
      const { verified, mapping, signalled } = await terminal.hangUp();
      assert.equal(verified, true);
      assert.equal(mapping, signalled);
      const closed = await server.event('closed');
      assert.equal(closed['remote'], mapping);
    });

  it('holds the call and takes it up again', async () => {
    const terminal = call('ws');
    await terminal.answered;
    await eventually(() => terminal.summary.received > 3);
    await terminal.hold(true);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = terminal.summary;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([terminal.summary.sent, terminal.summary.received], [before.sent, before.received]);
    await terminal.hold(false);
    await eventually(() => terminal.summary.received > before.received + 3);
  });

  it('does without the check of the certificate where it is told to', async () => {
    const terminal = call('wss', { isInsecure: true });
    assert.equal((await terminal.answered).signalling, 'encrypted');
  });

  it('refuses a certificate that nobody vouches for, and one that another authority does', async () => {
    const { cert } = await createCertificate();
    for (const trusted of [undefined, cert])
      assert.match(await failureOf(call('wss', { ca: trusted })), /its certificate is not trusted/);
    assert.deepEqual(
      server.events.filter(({ event }) => event === 'session'),
      [],
    );
  });

  it('says why there is no call', async () => {
    const wire = new Wire(9);
    const port = await wire.open();
    wire.close();
    assert.match(await failureOf(call('ws', {}, port)), /cannot connect: nothing listens there/);
    assert.match(await failureOf(call('wss', { ca }, server.port('ws'))), /does not speak TLS/);
    assert.match(await failureOf(call('ws', {}, server.port('wss'))), /the connection was closed/);
  });

  it('a wire that is cut in mid call ends nothing: it connects anew, and the server finds it there', async () => {
    const wire = new Wire(server.port('ws'));
    wires.push(wire);
    const terminal = call('ws', {}, await wire.open());
    await terminal.answered;
    await eventually(() => terminal.summary.received > 3);
    wire.cut();
    const before = terminal.summary.received;
    await eventually(() => terminal.summary.received > before + 10);
    // From the re-INVITE the server learns where we are now.
    await eventually(() => /SIP\/2.0 200 [^]*^CSeq: *\d+ INVITE/im.test(wire.told));
    assert.equal(server.events.filter(({ event }) => event === 'verified').length, 1);
    const ended = once(terminal, 'ended');
    await Promise.all([server.stop(), ended]);
    assert.deepEqual(await ended, ['server']);
  });

  it('hears the server hang up', async () => {
    const terminal = call('wss', { ca });
    await terminal.answered;
    const ended = once(terminal, 'ended');
    await server.stop();
    assert.deepEqual(await ended, ['server']);
  });
});
