// `latchkey doctor` against servers that protect a call, and servers that do not.
import assert from 'node:assert/strict';
import type { Diagnosis } from '../../lib/cli/diagnosis.js';
import { PlainServer } from './plain-server.js';
import { CommandProcess, ServerProcess } from './server-process.js';

describe('latchkey doctor', () => {
  let server: ServerProcess;
  let plain: PlainServer;

  before(async () => {
    server = await ServerProcess.start();
    plain = await PlainServer.start();
  });
  after(async () => {
    plain.close();
    await server.stop();
  });

  const examine = (...args: string[]) => new CommandProcess('doctor', ...args).ended();
  const uri = (transport: string): string => `sip:127.0.0.1:${server.port(transport)};transport=${transport}`;

  it('says what protects a call, what NAT there is, and what is missing', async () => {
    const trust = ['--ca', String(server.listening['certificate'])];
    const [trusted, insecure, unprotected, untrusted, nobody] = await Promise.all([
      examine(uri('tls'), ...trust),
      examine(uri('tls'), '--insecure', '--json'),
      examine(plain.uri('echo'), '--json'),
      examine(uri('tls')),
      examine('sip:127.0.0.1:1;transport=tcp'),
    ]);
    assert.equal(trusted.code, 0, trusted.stderr);
    const [protection, nat, roundTrip, ...rest] = trusted.stdout.trimEnd().split('\n');
    assert.equal(
      protection,
      'protected: latch with HMAC-SHA-256, its key exchanged over TLS, the certificate verified',
    );
    assert.match(nat ?? '', /^NAT: none; the server sees 127\.0\.0\.1:\d+, as signalled$/);
    assert.match(roundTrip ?? '', /^round trip: [\d.]+ ms; \d+ packets sent, \d+ received$/);
    assert.deepEqual(rest, []);

    assert.equal(insecure.code, 1);
    const careless = JSON.parse(insecure.stdout) as Diagnosis;
    assert.deepEqual(
      [careless.protected, careless.by, careless.certificate, careless.nat],
      [false, 'latch', 'not verified', 'none'],
    );
    assert.match(careless.why ?? '', /--insecure/);

    assert.equal(unprotected.code, 1);
    const bare = JSON.parse(unprotected.stdout) as Diagnosis;
    assert.deepEqual([bare.protected, bare.by, bare.mapping, bare.nat], [false, null, null, null]);
    assert.match(bare.why ?? '', /no a=latch/);
    assert.ok((bare.roundTripMs ?? NaN) >= 0);

    assert.equal(untrusted.code, 1);
    assert.match(untrusted.stderr, /^latchkey: .*certificate is not trusted.*\n$/);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /nothing listens there/);
  });

  it('takes bad options for that', async () => {
    const outcome = await examine('sip:echo@host.example;transport=sctp');
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /^latchkey: transport=sctp is not known here/);
  });
});
