// The examples of docs/examples run as they stand, against the package as it is built and imported by its name.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { createCertificate, End, inDialog } from '../plugins/sip-phones.js';
import { Example } from './example-program.js';
import { fences, filesUnder, readText, root } from './repository.js';

interface Listener {
  readonly protocol: string;
  readonly port: number;
}

describe('docs: examples', function () {
  this.timeout(30_000);
  const running: Example[] = [];
  const closers: (() => void)[] = [];
  const run = (name: string, ...args: string[]): Example => {
    const example = new Example(name, ...args);
    running.push(example);
    return example;
  };
  afterEach(async () => {
    for (const { child, ended } of running.splice(0)) {
      child.kill();
      await ended;
    }
    for (const close of closers.splice(0).reverse()) close();
  });

  it('the README shows docs/examples/distribution-server.ts, of some thirty lines', () => {
    const program = readText('docs/examples/distribution-server.ts').replace(/^(?:\/\/.*\n)+/, '');
    assert.ok(fences(readText('README.md'), 'ts').includes(program), 'README.md has another program');
    assert.ok(program.split('\n').filter((line) => line.trim() !== '').length <= 30);
  });

  it('compile under the strict options of the repository, with the types of the package as built', () => {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: { compilerOptions: object };
    };
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
    assert.equal(options.strict, true);
    const files = filesUnder('docs/examples').map((path) => join(root, path));
    const program = ts.createProgram(files, options);
    const found = ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => ({
      file: file?.fileName,
      text: ts.flattenDiagnosticMessageText(messageText, ' '),
    }));
    assert.deepEqual(found, []);
    assert.ok(program.getSourceFile(join(root, 'dist/lib/index.d.ts')), 'by the types of the build');
  });

  it('guard.ts: a socket retrofitted; the phone is heard, the impostor gets nothing', async () => {
    const example = run('guard.ts');
    assert.equal(await example.ended, 0, example.errors);
    assert.match(example.output, /^signalled 10\.0\.0\.7:4000$/m);
    assert.match(example.output, /^mapping is the phone's socket: true$/m);
    assert.match(example.output, /^echoed: hello$/m);
    assert.match(example.output, /^echoed: are you still there$/m);
    assert.match(example.output, /^the impostor got 0 packets of media$/m);
    assert.match(example.output, /^dropped as unverified: 1$/m);
  });

  it('sans-io.ts: the core without sockets', async () => {
    const example = run('sans-io.ts');
    assert.equal(await example.ended, 0, example.errors);
    assert.match(example.output, /^0 ms: verified 203\.0\.113\.7:61234$/m);
    assert.match(example.output, /^media for 10\.0\.0\.2:4000 goes to 203\.0\.113\.7:61234$/m);
  });

  /** Runs a server that prints where it listens, and calls its echo; what the SDP says is nobody's address, as behind a NAT. */
  async function callEcho(name: string, protocol: string, addressesIn: (text: string) => Listener[]) {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closers.push(() => socket.close());
    const { key, cert } = await createCertificate();
    const isTls = protocol === 'TLS';
    if (isTls) {
      writeFileSync(join(folder, 'cert.pem'), cert);
      writeFileSync(join(folder, 'key.pem'), key);
    }
    const phone = new End({ latch: { role: 'prover' }, stack: { tls: { key, cert, ca: cert } } });
    closers.push(() => phone.close());
    const example = run(name, ...(isTls ? ['cert.pem', 'key.pem'].map((file) => join(folder, file)) : []));
    const [, listening = ''] = await example.line(/^listening (.+)$/m);
    const port = addressesIn(listening).find((one) => one.protocol === protocol)?.port;
    assert.ok(port);
    await phone.stack.ready;
    const uri = `sip:echo@${isTls ? 'localhost' : '127.0.0.1'}:${port};transport=${protocol.toLowerCase()}`;
    const offer = 'v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n';
    const invite = phone.request('INVITE', uri, {}, `${offer}m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n`);
    const session = phone.latch.session(invite);
    assert.ok(session);
    const media = session.bind(socket);
    const { final } = await phone.ask(invite);
    assert.equal(final.status, 200);
    phone.stack.send(inDialog(phone, invite, final, 'ACK'));
    await example.line(/^verified \{ address: '127\.0\.0\.1', port: \d+ \} both$/m);
    assert.match(example.output, new RegExp(`port: ${socket.address().port} \\} both`));
    const echo = once(media, 'packet');
    const packet = Buffer.concat([Buffer.from('80000001000000a000001234', 'hex'), Buffer.from('said')]);
    assert.equal(media.send(packet), true);
    const [heard] = (await echo) as [Buffer];
    assert.deepEqual(heard, packet);
    return { example, phone, invite, final, port: socket.address().port };
  }

  for (const protocol of ['TLS', 'TCP']) {
    it(`distribution-server.ts: the same over ${protocol}; it says how the call goes, and hangs up in the end`, async () => {
      const { example, phone, invite, port } = await callEcho('distribution-server.ts', protocol, (text) => {
        const { sip } = JSON.parse(text) as { sip: Record<string, Listener> };
        return Object.entries(sip).map(([name, at]) => ({ ...at, protocol: name }));
      });
      const id = String(invite.headers['call-id']);
      assert.match(example.output, new RegExp(`^joined echo ${id}$`, 'm'));
      phone.handler = (request) => phone.respond(request, 200);
      example.child.kill('SIGTERM');
      assert.equal(await example.ended, 0, example.errors);
      assert.deepEqual(
        phone.requests.map(({ method }) => method),
        ['BYE'],
      );
      const at = `{ address: '127.0.0.1', port: ${port} }`;
      assert.ok(
        example.output.includes(`\nin echo protected by latch at ${at}\nsent 1 0 0\n`),
        example.output,
      );
      assert.match(example.output, new RegExp(`^left echo ${id}$`, 'm'));
    });
  }
});
