// `latchkey serve --call` as a process: what it dials, what it prints, how it ends.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate } from '../plugins/sip-phones.js';
import { Callee } from './callee.js';
import type { OnInvite } from './callee.js';
import { unrefLongTimers } from './plain-server.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const closers: (() => void)[] = [];

async function callee(onInvite: OnInvite, tls?: { key: string; cert: string }): Promise<Callee> {
  const one = await Callee.start(onInvite, tls);
  closers.push(() => one.close());
  return one;
}

/** Answers at once; what follows is to come by the same transport. */
function answer(transport: string): OnInvite {
  return async (invite, at) => {
    const phone = await at.phone(invite);
    at.respond(invite, 200, phone.tag, phone.sdp, { contact: [{ uri: at.uri(transport) }] });
  };
}

describe('latchkey serve --call', () => {
  let restore: () => void;
  before(() => (restore = unrefLongTimers()));
  after(async () => {
    restore();
    await CommandProcess.killAll();
  });
  afterEach(() => {
    for (const close of closers.splice(0).reverse()) close();
  });

  it('calls, says that it did, and ends the call with itself', async () => {
    const alice = await callee(answer('udp'));
    const server = await ServerProcess.start('--call', alice.uri(), '--room', 'tea', '--ring', '9');
    const outcome = await server.event('callout');
    const session = await server.event('session');
    assert.deepEqual(
      [session['direction'], session['room'], session['session']],
      ['out', 'tea', outcome['session']],
    );
    assert.deepEqual(
      [outcome['uri'], outcome['room'], outcome['status'], outcome['reason']],
      [alice.uri(), 'tea', 200, 'OK'],
    );
    await server.event('verified', (event) => event['session'] === outcome['session']);
    assert.equal((await server.stop()).code, 0);
    assert.equal(alice.of('BYE').length, 1);
  });

  it('calls over TLS who has a certificate that Node trusts, and tells nobody else', async () => {
    const certificate = await createCertificate();
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-call-out-'));
    const file = join(folder, 'cert.pem');
    writeFileSync(file, certificate.cert);
    closers.push(() => {
      delete process.env['NODE_EXTRA_CA_CERTS'];
      rmSync(folder, { recursive: true });
    });
    const alice = await callee(answer('tls'), certificate);
    const args = ['--call', alice.uri('tls'), '--room', 'tea'];
    const stranger = await ServerProcess.start(...args);
    const { status } = await stranger.event('callout');
    assert.deepEqual([status, alice.requests.length], [503, 0]);
    await stranger.stop();

    process.env['NODE_EXTRA_CA_CERTS'] = file;
    const server = await ServerProcess.start(...args);
    const outcome = await server.event('callout');
    assert.deepEqual([outcome['status'], outcome['reason']], [200, 'OK']);
    await server.event('verified', ({ protection }) => protection === 'latch');
    const [{ uri, headers } = {}] = alice.of('INVITE');
    assert.equal(uri, alice.uri('tls'));
    assert.equal(headers?.via?.[0]?.protocol, 'TLS');
    assert.equal((await server.stop()).code, 0);
    assert.equal(alice.of('BYE').length, 1);
  });

  it('says why there is no call, and goes on', async () => {
    const busy = await callee((invite, at) => at.respond(invite, 486, 'a'));
    const server = await ServerProcess.start('--call', busy.uri('tcp'), '--room', 'tea');
    const { uri, status, reason } = await server.event('callout');
    assert.deepEqual([uri, status, reason], [busy.uri('tcp'), 486, 'reason 486']);
    assert.equal((await server.stop()).code, 0);
  });
});
