// The other direction: `serve --call` to linphonec 5.1 of Debian 12, unmodified, over TLS, with keys for SRTP and no ICE. It listens for nobody by
// TLS, so that it is called through kamailio, where it has registered: that passes descriptions on as they are.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseSdp } from '../../lib/wire/index.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { createCertificate } from '../plugins/sip-phones.js';
import {
  linphoneCallee,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';
import { bodyOf, isAnswer, Kamailio, PROXY_PORTS, whyNoKamailio } from './kamailio.js';
import type { PassedMessage } from './kamailio.js';

const MEDIA = '40000,41000-41099';
const TALK_MS = 2000;
const SUITES = 8;

const audioOf = (message: PassedMessage | undefined) => {
  const sdp = parseSdp(message ? bodyOf(message) : '');
  return sdp.ok ? sdp.value.media[0] : undefined;
};

describe('linphonec is called', function () {
  this.timeout(40_000);
  let folder: string | undefined;
  let phone: RunningClient | undefined;
  let proxy: Kamailio | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('linphonec', 'timeout') ?? whyNoKamailio());
  });
  afterEach(async () => {
    phone?.kill();
    await CommandProcess.killAll();
    delete process.env.NODE_EXTRA_CA_CERTS;
    await proxy?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    folder = phone = proxy = undefined;
  });

  it('with all of our suites: takes one, is verified by its key at a port of its own, and media goes both ways', async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-linphone-callee-'));
    const certificate = await createCertificate([
      { type: 2, value: OWN_ADDRESS },
      { type: 7, ip: OWN_ADDRESS },
    ]);
    const file = join(folder, 'certificate.pem');
    writeFileSync(file, certificate.cert);
    proxy = await Kamailio.start({ folder: join(folder, 'proxy'), address: OWN_ADDRESS, certificate });
    const registrar = { address: OWN_ADDRESS, port: PROXY_PORTS.tls };
    const options = { folder, address: OWN_ADDRESS, server: registrar, certificate: file } as const;
    phone = new RunningClient(
      linphoneCallee({ ...options, transport: 'tls', hasIce: false, srtp: 'mandatory', durationS: 12 }),
    );
    const isRegistered = ({ way, text }: PassedMessage) =>
      way === 'out' && /^SIP\/2\.0 200 [^]*^CSeq: *\d+ REGISTER/m.test(text);
    while (!proxy.messages().some(isRegistered)) await delay(100);
    process.env.NODE_EXTRA_CA_CERTS = file;
    const server = await ServerProcess.start(
      ...['--open', '--listen', OWN_ADDRESS, '--udp', '0', '--tcp', '0', '--media', MEDIA],
      ...['--srtp', 'require', '--policy', 'require', '--room', 'echo'],
      ...['--call', `sip:alice@${OWN_ADDRESS}:${PROXY_PORTS.tls};transport=tls`],
    );
    const { status, reason } = await server.event('callout');
    assert.deepEqual([status, reason], [200, 'OK']);
    await server.event('verified', ({ component }) => component === 1);
    await delay(TALK_MS);
    const { stderr } = await server.stop();
    const rtp = await server.event('closed', ({ component }) => component === 1);
    assert.equal(rtp.protection, 'srtp');
    assert.ok(Number(rtp.delivered) > 50 && Number(rtp.sent) > 50, JSON.stringify(rtp));
    // Nobody knew what would be brought: a port of the range, not the shared one.
    assert.match(String(rtp.local), /^203\.0\.113\.1:410\d\d$/);
    assert.match(phone.said, /Media streams established/);
    assert.doesNotMatch(stderr, /fault of ours/);
    const messages = proxy.messages();
    const invite = messages.find(({ way, text }) => way === 'in' && text.startsWith('INVITE '));
    const offered = audioOf(invite)?.cryptos ?? [];
    const answered = audioOf(messages.find((one) => one.way === 'in' && isAnswer(one)))?.cryptos ?? [];
    assert.equal(new Set(offered.map(({ suite }) => suite)).size, SUITES);
    assert.equal(answered.length, 1);
    const [taken] = answered;
    assert.ok(
      offered.some(({ tag, suite }) => tag === taken?.tag && suite === taken.suite),
      taken?.suite,
    );
  });
});
