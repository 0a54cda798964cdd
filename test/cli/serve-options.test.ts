import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { createCertificate, readCertificate } from '../../lib/cli/certificate.js';
import { Failure } from '../../lib/phone/failure.js';
import { readServeAdmission } from '../../lib/cli/serve-admission.js';
import { readServeOptions } from '../../lib/cli/serve-options.js';
import { CommandProcess, ServerProcess } from './server-process.js';

after(() => CommandProcess.killAll());

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), 'serve-options-'))));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('serve without a word on who may call', () => {
  it('prints the three choices in one line, and ends with exit code 2', async () => {
    const outcome = await new CommandProcess('serve', '--listen', '192.0.2.1').ended();
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /^latchkey: .*--users FILE.*--client-ca PEM.*--open \(anybody\)\n$/);
    assert.equal(outcome.stdout, '');
  });
});

describe('the options of serve', () => {
  it('have the defaults that the help states', () => {
    const { cert, key, callOut, durationMs, users, clientCa, watch, ...options } = readServeOptions({});
    assert.deepEqual([cert, key, callOut, durationMs, users, clientCa, watch], Array(7).fill(undefined));
    assert.deepEqual(options, {
      listen: ['127.0.0.1'],
      advertise: ['127.0.0.1'],
      io: 'auto',
      gatherMs: undefined,
      udp: 5060,
      tcp: 5060,
      tls: 5061,
      ws: 0,
      wss: 0,
      https: 0,
      rtsp: 0,
      rtsps: 0,
      realm: 'latchkey',
      trunks: [],
      proxies: [],
      homes: [],
      isAsymmetric: false,
      isOpen: true,
      isPairs: false,
      origins: [],
      limits: {},
      sdpLimits: {},
      media: { kind: 'range', low: 40000, high: 49999 },
      policy: 'prefer',
      srtp: 'accept',
      allowInsecureSignalling: false,
      json: false,
      drainMs: 0,
      isVerbose: false,
    });
  });

  it('are read from flags', () => {
    const flags = { udp: '0', tcp: 'auto', media: '7000', duration: '1.5', allowInsecureSignalling: true };
    const options = readServeOptions({ ...flags, open: true, listen: '0.0.0.0', advertise: '192.0.2.1' });
    assert.deepEqual([options.udp, options.tcp, options.durationMs], [0, 'auto', 1500]);
    assert.deepEqual(options.media, { kind: 'shared', port: 7000 });
    const { media } = readServeOptions({ media: '40998,41000-41999' });
    assert.deepEqual(media, { kind: 'split', port: 40_998, low: 41_000, high: 41_999 });
    assert.deepEqual([options.listen, options.advertise], [['0.0.0.0'], ['192.0.2.1']]);
    assert.equal(options.allowInsecureSignalling, true);
  });

  it('set bounds by their names, each where it belongs', () => {
    const { limits, sdpLimits } = readServeOptions({
      limit: ['maxConnections=1000,maxMids=7', 'handshakeMs=2000'],
    });
    assert.deepEqual(limits, { maxConnections: 1000, handshakeMs: 2000 });
    assert.deepEqual(sdpLimits, { maxMids: 7 });
    const config = write('limits.json', JSON.stringify({ limit: ['maxLines=20'] }));
    assert.deepEqual(readServeOptions({ config }).limits, { maxLines: 20 });
  });

  for (const limit of [
    'maxLines',
    'maxLines=',
    'maxLines=0',
    'maxLines=-1',
    'maxLines=1.5',
    'maxLines=2147483648',
  ])
    it(`refuse the bound ${limit}, and say what one looks like`, () => {
      assert.throws(() => readServeOptions({ limit: [limit] }), {
        exitCode: 2,
        message: /^--limit: expects NAME=NUMBER such as maxConnections=1000/,
      });
    });

  it('refuse a bound that there is not, and name those that there are', () => {
    for (const name of ['maxFish', 'toString', '__proto__'])
      assert.throws(() => readServeOptions({ limit: [`${name}=7`] }), {
        exitCode: 2,
        message: new RegExp(
          `^--limit ${name}: there is no such limit; there are maxMessageBytes, .*maxMids$`,
        ),
      });
  });

  it('say who may call: beyond loopback one of three must be there', () => {
    const [listen, users, clientCa] = ['192.0.2.1', 'users.txt', 'phones.pem'];
    for (const trunk of [{}, { trunk: ['192.0.2.0/24'] }])
      assert.throws(
        () => readServeOptions({ listen, ...trunk }),
        (error: Failure) => {
          assert.equal(error.exitCode, 2);
          for (const choice of ['--users FILE', '--client-ca PEM', '--open'])
            assert.ok(error.message.includes(choice));
          return true;
        },
      );
    for (const choice of [{ users }, { clientCa }, { open: true }])
      assert.equal(readServeOptions({ listen, ...choice }).isOpen, 'open' in choice);
    assert.equal(readServeOptions({ users }).isOpen, false);
    assert.throws(() => readServeOptions({ open: true, users }), /--open and --users contradict/);
    assert.throws(
      () => readServeOptions({ clientCa, tls: '0' }),
      /--client-ca is for TLS, WSS, HTTPS and RTSPS/,
    );
    const lists = { trunk: ['192.0.2.0/24,198.51.100.0/24', '203.0.113.0/24'], origin: 'https://a.example' };
    const { trunks, origins } = readServeOptions(lists);
    assert.deepEqual(trunks, ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']);
    assert.deepEqual(origins, ['https://a.example']);
    assert.throws(() => readServeOptions({ origin: ['a.example'] }), /^Failure: --origin: expects origins/);
  });

  it("do not take a users' file that others can read, a range that is none, a file without a certificate", () => {
    const users = write('users.txt', '');
    const read = (options: object) => () => readServeAdmission(readServeOptions({ ...options }));
    assert.throws(read({ users }), /others can read or write it: chmod 600/);
    chmodSync(users, 0o600);
    assert.doesNotThrow(read({ users }));
    writeFileSync(users, 'alice:latchkey:MD5:secret-in-here:*\n');
    assert.throws(
      read({ users }),
      ({ message }: Failure) => /line 1/.test(message) && !/secret/.test(message),
    );
    assert.throws(read({ trunk: ['192.0.2.1'] }), /^Failure: --trunk: .*no range of addresses/);
    assert.throws(read({ clientCa: users }), /there is no certificate in it/);
    assert.throws(read({ users: join(folder, 'nowhere') }), /there is no such file/);
  });

  it('say whom to call, how long, and into which room', () => {
    const call = 'sip:alice@192.0.2.7:5070;transport=udp';
    const { callOut } = readServeOptions({ call, room: 'tea', ring: '12.5' });
    assert.deepEqual([callOut?.uri.text, callOut?.room, callOut?.ringMs], [call, 'tea', 12_500]);
    assert.equal(readServeOptions({ call, room: 'tea' }).callOut?.ringMs, 60_000);
  });

  it('are read from a file under the same names, and flags win', () => {
    const content = { udp: 7060, tcp: 7061, 'allow-insecure-signalling': true, media: 7000, duration: 3 };
    const config = write('good.json', JSON.stringify(content));
    const options = readServeOptions({ config, tcp: '7062' });
    assert.deepEqual([options.udp, options.tcp, options.durationMs], [7060, 7062, 3000]);
    assert.equal(options.allowInsecureSignalling, true);
    assert.deepEqual(options.media, { kind: 'shared', port: 7000 });
  });

  it('the page is on loopback unless an address is given, and nowhere by 0', () => {
    assert.deepEqual(readServeOptions({ watch: '8080' }).watch, { address: '127.0.0.1', port: 8080 });
    assert.deepEqual(readServeOptions({ watch: '[::]:auto' }).watch, { address: '::', port: 'auto' });
    const abroad = readServeOptions({ watch: '192.0.2.1:443' });
    assert.deepEqual(abroad.watch, { address: '192.0.2.1', port: 443 });
    for (const watch of ['0', '192.0.2.1:0']) assert.equal(readServeOptions({ watch }).watch, undefined);
  });

  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ udp: '65536' }, /^--udp: expects a port/],
    [{ tcp: '-1' }, /^--tcp: expects a port/],
    [{ tls: '5061x' }, /^--tls: expects a port/],
    [{ ws: '' }, /^--ws: expects a port/],
    [{ wss: 'yes' }, /^--wss: expects a port/],
    [{ watch: 'localhost:80' }, /^--watch: expects a port.*, or ADDRESS:PORT$/],
    [{ watch: '::1:80' }, /^--watch: expects/],
    [{ watch: '[127.0.0.1]:80' }, /^--watch: expects/],
    [{ watch: '127.0.0.1:' }, /^--watch: expects/],
    [{ media: '0' }, /^--media: expects/],
    [{ media: '65535' }, /^--media: expects/],
    [{ media: '5-5' }, /^--media: expects/],
    [{ media: '5-6' }, /^--media: expects/],
    [{ media: '9-8' }, /^--media: expects/],
    [{ media: '0-9' }, /^--media: expects/],
    [{ media: '1-2-3' }, /^--media: expects/],
    [{ media: 'auto-9' }, /^--media: expects/],
    [{ media: '40000,' }, /^--media: expects a port below .*, or PORT,LOW-HIGH such as 40000,41000-41999$/],
    [{ media: 'auto,41000-41999' }, /^--media: expects a port below/],
    [{ media: '40000,41000' }, /^--media: expects a port below/],
    [{ media: '40000,41000-41999,5' }, /^--media: expects a port below/],
    [
      { media: '40000,41000-41000' },
      /^--media: expects a range of ports with room for a pair.* 41000-41000$/,
    ],
    [{ media: '40001,41000-41999' }, /^--media: expects an even shared port and .* 40001,41000-41999$/],
    [
      { media: '40000,41001-41999' },
      /^--media: expects an even shared port and a range that begins with an even/,
    ],
    [{ media: '41000,41000-41999' }, /^--media: expects a shared port that lies.* outside of the range/],
    [{ media: '41998,41000-41999' }, /^--media: expects a shared port that lies/],
    [{ media: '42000,41000-42000' }, /^--media: expects a shared port that lies/],
    [{ policy: 'Require' }, /^--policy: expects require, prefer, legacy or blind$/],
    [{ home: '192.0.2.1' }, /^--home: expects ranges of addresses such as 192\.0\.2\.0\/24$/],
    [{ listen: 'localhost' }, /^--listen: expects an IP address, or one of each family$/],
    [{ listen: 'fe80::1%eth0' }, /^--listen: expects an IP address, or one of each family$/],
    [{ listen: '127.0.0.1,192.0.2.1' }, /^--listen: expects an IP address, or one of each family$/],
    [{ advertise: '1.2.3' }, /^--advertise: expects an IP address, or one of each family$/],
    [{ listen: '0.0.0.0' }, /^--listen 0\.0\.0\.0 needs --advertise/],
    [{ listen: '::' }, /^--listen :: needs --advertise/],
    [{ listen: '::1', advertise: '192.0.2.1' }, /both IPv4, or both IPv6/],
    [{ call: 'sip:a@192.0.2.7' }, /^--room is missing: --call and --room go together/],
    [{ room: 'tea' }, /^--call is missing: --call and --room go together/],
    [{ call: 'nobody', room: 'tea' }, /^--call: "nobody" is no SIP URI/],
    [{ call: 'sip:a@192.0.2.7;transport=wss', room: 'tea' }, /^--call: transport=wss cannot be dialled/],
    [{ ring: '0' }, /^--ring: expects seconds/],
    [{ duration: '0' }, /^--duration: expects seconds/],
    [{ duration: '1e9' }, /^--duration: expects seconds/],
    [{ cert: 'x.pem' }, /^--key is missing/],
    [{ key: 'x.pem' }, /^--cert is missing/],
    [{ udp: '0', tcp: '0', tls: '0' }, /^nothing to listen on/],
  ];
  for (const [flags, message] of wrong) {
    it(`are refused: ${JSON.stringify(flags)}`, () => {
      assert.throws(() => readServeOptions(flags), { name: 'Failure', message, exitCode: 2 });
    });
  }

  const wrongFiles: [string, RegExp][] = [
    ['{', /: this is no JSON$/],
    ['[]', /: expects an object of options$/],
    ['null', /: expects an object of options$/],
    ['{"upd":1}', /: "upd": there is no such option$/],
    ['{"config":"x"}', /: "config": there is no such option$/],
    ['{"allowInsecureSignalling":true}', /: "allowInsecureSignalling": there is no such option$/],
    ['{"udp":true}', /: "udp": expects a port/],
    ['{"udp":1.5}', /: "udp": expects a port/],
    ['{"json":"yes"}', /: "json": expects true or false$/],
    ['{"duration":-1}', /: "duration": expects seconds/],
    ['{"cert":""}', /: "cert": expects the path/],
  ];
  for (const [content, message] of wrongFiles) {
    it(`are refused out of a file: ${content}`, () => {
      assert.throws(() => readServeOptions({ config: write('wrong.json', content) }), message);
    });
  }

  it('name a file that is not there', () => {
    assert.throws(() => readServeOptions({ config: join(folder, 'none') }), /there is no such file$/);
  });
});

describe('the certificate of serve', () => {
  it('is made for the addresses that clients know, and only it is written', async () => {
    const made = await createCertificate(['192.0.2.1', '::2']);
    const parsed = new X509Certificate(readFileSync(made.file));
    made.dispose();
    for (const address of ['192.0.2.1', '::2', '127.0.0.1', '::1'])
      assert.ok(parsed.checkIP(address), address);
    assert.equal(parsed.checkHost('localhost'), 'localhost');
    assert.equal(parsed.subject, 'CN=192.0.2.1');
    assert.ok(!parsed.toString().includes('PRIVATE'));
    assert.throws(() => readFileSync(made.file), /ENOENT/);
  });

  it('is refused with the name of the file that is wrong', async () => {
    const [one, other] = await Promise.all([createCertificate([]), createCertificate([])]);
    const key = write('key.pem', one.key);
    const empty = write('empty.pem', '');
    assert.equal(readCertificate(one.file, key).key, one.key);
    assert.throws(() => readCertificate(other.file, key), /^Failure: --key .*not the key of the certificate/);
    assert.throws(() => readCertificate(empty, key), /--cert .*empty\.pem: this is no certificate/);
    assert.throws(() => readCertificate(one.file, empty), /--key .*empty\.pem: this is no private key/);
    assert.throws(() => readCertificate(one.file, join(folder, 'none')), Failure);
    for (const made of [one, other]) made.dispose();
  });
});

describe('the command line', () => {
  /** One clear line, exit code 2, and nothing on standard output. */
  async function refuses(args: string[], message: RegExp): Promise<void> {
    const { code, stdout, stderr } = await new CommandProcess(...args).ended();
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^latchkey: [^\n]+\n$/);
    assert.match(stderr, message);
  }

  it('refuses an unknown command and unknown options in one line', async () => {
    await refuses(['sevre'], /unknown command 'sevre'/);
    await refuses(['serve', '--upd', '1'], /unknown option '--upd' \(Did you mean --udp\?\)/);
    await refuses(['serve', '--udp'], /argument missing/);
    await refuses(['serve', 'now'], /too many arguments/);
  });

  it('refuses a port in use, UDP, TCP and media alike', async () => {
    const server = await ServerProcess.start();
    const free = ['--udp', '0', '--tcp', '0', '--tls', '0'];
    for (const transport of ['udp', 'tcp', 'tls']) {
      const port = server.port(transport);
      await refuses(
        ['serve', ...free, `--${transport}`, String(port)],
        new RegExp(`:${port}: the address is in use`),
      );
    }
    const media = String(server.port('media'));
    await refuses(
      ['serve', ...free, '--udp', 'auto', '--media', media],
      /--media \d+: cannot bind .* in use/,
    );
    await server.stop();
  });

  it('refuses a bad certificate before it listens', async () => {
    const file = write('bad.pem', 'no certificate');
    await refuses(['serve', '--cert', file, '--key', file], /--cert .*bad\.pem: this is no certificate/);
  });

  it('tells its version, and helps', async () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const version = await new CommandProcess('--version').ended();
    assert.deepEqual(version, { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
    const help = await new CommandProcess('--help').ended();
    assert.equal(help.code, 0);
    for (const command of ['serve', 'call', 'doctor', 'demo'])
      assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  });
});

describe('serve over TLS', () => {
  it('is trusted by who trusts the certificate it wrote, and by nobody else', async () => {
    const server = await ServerProcess.start();
    const port = server.port('tls');
    const ca = readFileSync(String(server.listening['certificate']));
    const socket = tls.connect({ port, host: '127.0.0.1', ca });
    await once(socket, 'secureConnect');
    assert.ok(socket.authorized);
    socket.write(
      [
        'OPTIONS sip:room@127.0.0.1 SIP/2.0',
        'Via: SIP/2.0/TLS client.invalid;branch=z9hG4bK1',
        'From: <sip:a@b>;tag=1',
        'To: <sip:room@127.0.0.1>',
        'Call-ID: 1',
        'CSeq: 1 OPTIONS',
        'Content-Length: 0\r\n\r\n',
      ].join('\r\n'),
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^SIP\/2\.0 200 OK/);
    socket.destroy();
    const stranger = tls.connect({ port, host: '127.0.0.1' });
    const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
    assert.match(String(error.code), /SELF_SIGNED|UNABLE_TO_VERIFY/);
    assert.equal((await server.stop()).code, 0);
  });

  it('takes the certificate of --cert and --key', async () => {
    const made = await createCertificate(['127.0.0.1']);
    const key = write('own-key.pem', made.key);
    const server = await ServerProcess.start('--cert', made.file, '--key', key);
    assert.equal(server.listening['certificate'], made.file);
    const socket = tls.connect({ port: server.port('tls'), host: '127.0.0.1', ca: made.cert });
    await once(socket, 'secureConnect');
    socket.destroy();
    await server.stop();
    assert.equal(readFileSync(made.file, 'utf8'), made.cert, 'a certificate given is not removed');
    made.dispose();
  });

  it('opens no TLS listener for --wss alone', async () => {
    const server = await ServerProcess.start('--wss', 'auto', '--tls', '0', '--udp', '0', '--tcp', '0');
    assert.equal(server.listening['tls'], undefined);
    const socket = net.connect(server.port('wss'), '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    assert.equal((await server.stop()).code, 0);
  });
});
