// `latchkey doctor` against servers that protect a call, and servers that do not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Diagnosis } from '../../lib/cli/diagnosis.js';
import type { SipRequest } from '../../lib/sip/index.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { EvidenceServer } from './evidence-server.js';
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
    const [protection, policies, nat, roundTrip, ...rest] = trusted.stdout.trimEnd().split('\n');
    assert.equal(
      protection,
      'protected (direct): latch with HMAC-SHA-256, its key exchanged over TLS, the certificate verified',
    );
    assert.equal(policies, 'policies: require, prefer, legacy and blind all serve such a peer alike');
    assert.match(nat ?? '', /^NAT: none; the server sees 127\.0\.0\.1:\d+, as signalled$/);
    assert.match(roundTrip ?? '', /^round trip: [\d.]+ ms; \d+ packets sent, \d+ received$/);
    assert.deepEqual(rest, ['more: docs/doctor.md#direct']);

    assert.equal(insecure.code, 1);
    const careless = JSON.parse(insecure.stdout) as Diagnosis;
    assert.deepEqual(
      [careless.protected, careless.protection, careless.certificate, careless.nat],
      [false, 'direct', 'not verified', 'none'],
    );
    assert.match(careless.why ?? '', /--insecure/);

    assert.equal(unprotected.code, 1);
    const bare = JSON.parse(unprotected.stdout) as Diagnosis;
    assert.deepEqual([bare.protected, bare.protection, bare.mapping, bare.nat], [false, 'none', null, null]);
    const byPolicy = { require: 'refused', prefer: 'evidence', legacy: 'evidence', blind: 'legacy' };
    assert.deepEqual([bare.policies, bare.asked], [byPolicy, false]);
    assert.match(bare.why ?? '', /neither a=latch that fits ours nor ICE/);
    assert.ok((bare.roundTripMs ?? NaN) >= 0);

    assert.equal(untrusted.code, 1);
    assert.match(untrusted.stderr, /^latchkey: .*certificate is not trusted.*\n$/);
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stderr,
      /nothing listens there \(unreachable; more: docs\/doctor\.md#unreachable\)\n$/,
    );
  });

  it('ends within its --duration whatever is under way, and says what that is', async () => {
    const mute = net.createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as net.AddressInfo;
    const ringing = await PlainServer.start();
    ringing.onInvite = (invite) => ringing.respond(invite, 180);
    const leaving = await PlainServer.start();
    leaving.onOther = () => undefined;
    const beganMs = performance.now();
    const [connecting, waiting, hangingUp, talking] = await Promise.all([
      examine(`sip:127.0.0.1:${port};transport=tls`, '--insecure', '--duration', '1', '--json'),
      examine(ringing.uri('echo'), '--duration', '1'),
      examine(leaving.uri('echo'), '--duration', '2', '--json'),
      examine(uri('tls'), '--ca', String(server.listening['certificate']), '--duration', '1', '--json'),
    ]);
    const tookMs = performance.now() - beganMs;
    for (const one of [ringing, leaving]) one.close();
    mute.close();
    assert.ok(tookMs < 12_000, `${tookMs} ms, four processes and their start`);
    assert.equal(connecting.code, 1);
    assert.match(
      connecting.stderr,
      /after 1 s still connecting to 127\.0\.0\.1.*\(timeout; more: docs\/doctor\.md#timeout\)/,
    );
    const { verdict, why } = JSON.parse(connecting.stdout) as Diagnosis;
    assert.deepEqual([verdict, why?.includes('connecting')], ['timeout', true]);
    assert.match(waiting.stderr, /after 1 s still waiting for an answer after 180/);
    assert.equal(hangingUp.code, 1);
    assert.equal((JSON.parse(hangingUp.stdout) as Diagnosis).verdict, 'none');
    assert.equal((JSON.parse(talking.stdout) as Diagnosis).verdict, 'direct', talking.stderr);
  });

  it('says where a server protects the call by ICE alone', async () => {
    const other = await PlainServer.start();
    const phone = new IcePhone('server');
    other.onInvite = (invite) => {
      phone.readAnswer(invite.content ?? '');
      other.answer(invite, 'a=rtcp-mux', ...phone.lines);
    };
    other.media.on('message', (bytes, { address, port }) => {
      const check = readServerCheck(bytes, phone.pwd);
      if (!check) return;
      other.media.send(phone.answer(check, { address, port }), port, address);
      other.media.send(phone.check({ isNominating: true }), port, address);
    });
    const shown = await examine(other.uri('echo'));
    other.close();
    assert.equal(shown.code, 0, shown.stderr);
    const [protection, policies, nat, roundTrip] = shown.stdout.split('\n');
    assert.equal(
      protection,
      'protected (ice): the checks of ICE, its key exchanged over UDP that does not leave this machine',
    );
    assert.equal(policies, 'policies: require, prefer, legacy and blind all serve such a peer alike');
    assert.match(nat ?? '', /^NAT: none; the server sees 127\.0\.0\.1:\d+, as signalled$/);
    assert.match(roundTrip ?? '', /^round trip: [\d.]+ ms; \d+ packets sent, \d{2,} received$/);
  });

  it('does not take ICE for protection where the server checks nothing', async () => {
    const phone = new IcePhone('silent');
    const other = await PlainServer.start();
    other.onInvite = (invite) => other.answer(invite, 'a=rtcp-mux', ...phone.lines);
    const outcome = await examine(other.uri('echo'), '--json');
    other.close();
    assert.equal(outcome.code, 1);
    const { protected: isProtected, protection, why } = JSON.parse(outcome.stdout) as Diagnosis;
    assert.deepEqual([isProtected, protection], [false, 'ice']);
    assert.match(why ?? '', /no check of the server's was answered/);
  });

  for (const [name, set] of [
    ['follows whoever speaks', (server: PlainServer) => (server.isBlind = true)],
    ['keeps to whoever spoke first', (server: PlainServer) => (server.isFirstBlind = true)],
  ] as const)
    it(`finds out that a server latches blindly, one that ${name}`, async () => {
      const other = await PlainServer.start();
      set(other);
      other.onInvite = (invite, server) => {
        server.heard.length = 0;
        server.answer(invite);
      };
      const outcome = await examine(other.uri('echo'));
      const calls = other.of('INVITE').length;
      other.close();
      assert.equal(outcome.code, 1);
      assert.match(outcome.stdout, /^not protected \(legacy\): .*a stranger .* got ours/);
      assert.match(outcome.stdout, /blind latches onto the first/);
      assert.equal(calls, 2);
    });

  for (const asks of [true, false])
    it(`tells a server that goes by evidence from a blind one, where it ${asks ? 'asks' : 'cannot ask'} for another port`, async () => {
      const other = await EvidenceServer.start(asks);
      const [shown, json] = [
        await examine(other.plain.uri('echo')),
        await examine(other.plain.uri('echo'), '--json'),
      ];
      other.close();
      assert.equal(shown.code, 1);
      assert.match(shown.stdout, /^not proven \(evidence\): .*a stranger with another stream got nothing/);
      assert.equal(/asked us over the signalling/.test(shown.stdout), asks, shown.stdout);
      const { verdict, asked, protected: isProtected } = JSON.parse(json.stdout) as Diagnosis;
      assert.deepEqual([verdict, asked, isProtected], ['evidence', asks, false], json.stdout);
      const grounds = other.events.flatMap((event) => (event.type === 'locked' ? [event.ground] : []));
      assert.ok(grounds.includes(asks ? 'question' : 'home'), grounds.join());
    });

  it('says what a server does for a phone with SRTP alone: it goes by the key, and follows the phone', async () => {
    const shown = await examine(
      uri('tls'),
      '--ca',
      String(server.listening['certificate']),
      '--srtp',
      '--json',
    );
    assert.equal(shown.code, 0, shown.stderr);
    const { verdict, protection, suite, srtp, received } = JSON.parse(shown.stdout) as Diagnosis;
    assert.deepEqual([verdict, protection, suite], ['srtp', 'srtp', 'AES_CM_128_HMAC_SHA1_80']);
    assert.ok(srtp && !srtp.forgeryHeard && !srtp.strangerFollowed, shown.stdout);
    assert.ok(srtp.followedMs !== null && srtp.followedMs < 500, shown.stdout);
    assert.ok(received > 60, shown.stdout);
    assert.ok(!/inline:/.test(shown.stdout + shown.stderr));
  });

  it('finds out that a server with SRTP goes by where packets come from and not by their key', async () => {
    const other = await PlainServer.start();
    other.isBlind = true;
    // An echo under its sender's own key.
    const keyOf = (invite: SipRequest) => /a=crypto:1 .*/.exec(invite.content ?? '')?.[0] ?? '';
    other.onInvite = (invite) => other.answer(invite, keyOf(invite));
    const blind = await examine(other.uri('echo'), '--srtp', '--json');
    other.onInvite = (invite) => other.answer(invite);
    const keyless = await examine(other.uri('echo'), '--srtp', '--json');
    other.close();
    assert.deepEqual([blind.code, keyless.code], [1, 1]);
    assert.equal((JSON.parse(blind.stdout) as Diagnosis).verdict, 'forgeable', blind.stdout);
    assert.equal((JSON.parse(keyless.stdout) as Diagnosis).verdict, 'none', keyless.stdout);
  });

  it('ends within its --duration with SRTP too', async () => {
    const ringing = await PlainServer.start();
    ringing.onInvite = (invite) => ringing.respond(invite, 180);
    const beganMs = performance.now();
    const waiting = await examine(ringing.uri('echo'), '--srtp', '--duration', '1', '--json');
    ringing.close();
    assert.equal((JSON.parse(waiting.stdout) as Diagnosis).verdict, 'timeout', waiting.stderr);
    assert.ok(performance.now() - beganMs < 8000);
  });

  it('takes bad options for that', async () => {
    const outcome = await examine('sip:echo@host.example;transport=sctp');
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /^latchkey: transport=sctp is not known here/);
  });
});
