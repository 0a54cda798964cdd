// `serve --call` to phones that have SRTP by keys in SDP, behind NATs and without ICE, all registered as one user over TLS at Debian's kamailio,
// which forks the call. Two linphonec send a 183 each and speak at once; a baresip sends one and is silent until it answers.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { baresip, linphone, skipBecause, whyNoClient } from '../clients/client-programs.js';
import { bodyOf, header, PROXY_PORTS, whyNoKamailio } from '../clients/kamailio.js';
import type { PassedMessage } from '../clients/kamailio.js';
import { Capture } from './capture.js';
import { PROXY, SERVER, whyNoLab } from './lab.js';
import type { HostName } from './lab.js';
import { ProxyScene } from './proxy-scene.js';

const USER = 'desk';
const REGISTRAR = `${PROXY}:${PROXY_PORTS.tls};transport=tls`;
const DURATION_S = 60;
const EARLY_MS = 1500;
const ANSWERED_MS = 1500;
/** What was on its way when a call ended. */
const LATE_MS = 100;
/** Of 75 in those times. */
const MOST_PACKETS = 40;

const isRtp = ({ payload }: CapturedDatagram) => classifyPacket(payload) === 'rtp';
const isFrom = (address: string) => (packet: CapturedDatagram) => packet.source.address === address;
/** What SRTP leaves in clear, and a room as it is: sequence number, timestamp, SSRC. */
const numbersOf = ({ payload }: CapturedDatagram) => Buffer.from(payload.subarray(2, 12)).toString('hex');

function callOptions(scene: ProxyScene, host: HostName) {
  const folder = join(scene.folder, `called-${host}`);
  mkdirSync(folder, { recursive: true });
  return {
    ...{ folder, address: scene.lab.addressOf(host), hasIce: false, srtp: 'mandatory' as const },
    ...{ transport: 'tls' as const, durationS: DURATION_S, certificate: scene.certificate.file },
    server: { address: PROXY, port: PROXY_PORTS.tls },
  };
}

/** Fulfilled when kamailio has taken so many registrations from behind the NAT of this host. Linphonec does not say. */
async function registered(scene: ProxyScene, host: HostName, times: number): Promise<void> {
  const isTaken = (one: PassedMessage) =>
    one.way === 'out' &&
    one.destination.startsWith(`${scene.lab.externalOf(host)}:`) &&
    one.text.startsWith('SIP/2.0 200 ') &&
    /REGISTER$/.test(header('CSeq', one) ?? '');
  const calls = () =>
    new Set(
      scene
        .messages()
        .filter(isTaken)
        .map((one) => header('Call-ID', one)),
    );
  while (calls().size < times) await delay(50);
}

/** A baresip that sends a 183 by itself, and answers when it is told to. */
function ringingBaresip(scene: ProxyScene, host: HostName): ChildProcess {
  const options = callOptions(scene, host);
  const command = baresip(options);
  const at = (name: string) => join(options.folder, name);
  writeFileSync(at('config'), `${readFileSync(at('config'), 'utf8')}module_app stdio.so\n`);
  const account = `<sip:${USER}@${REGISTRAR}>;regint=60;mediaenc=srtp-mand;answermode=early`;
  writeFileSync(at('accounts'), `${account}\n`);
  // Without the two words that make it call.
  return scene.lab.spawn(host, 'sh', '-c', 'exec "$@" 2>&1', 'sh', ...command.slice(0, -2));
}

/** A linphonec that sends a 183 by itself, and speaks. */
function speakingLinphone(scene: ProxyScene, host: HostName): void {
  const options = callOptions(scene, host);
  linphone(options);
  const file = join(options.folder, 'linphonerc');
  const account = [
    ...['[proxy_0]', `reg_proxy=<sip:${REGISTRAR}>`, `reg_identity=sip:${USER}@${PROXY}`],
    ...['reg_expires=60', 'reg_sendregister=1', 'publish=0'],
  ];
  const sip = '[sip]\nincoming_calls_early_media=1\ndefault_proxy=0';
  writeFileSync(file, [readFileSync(file, 'utf8').replace('[sip]', sip), ...account, ''].join('\n'));
  const program = `HOME='${options.folder}' exec linphonec -c '${file}' 2>&1`;
  const child = scene.lab.spawn(host, 'sh', '-c', program);
  child.stdin?.write(`soundcard use files\nplay ${join(options.folder, 'tone.wav')}\n`);
}

describe('serve --call, to phones with SRTP', function () {
  this.timeout(60_000);
  let scene: ProxyScene | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('baresip', 'linphonec') ?? whyNoKamailio());
  });
  afterEach(() => scene?.close());

  it('each fork is heard from its 183 on, under a key of its own; who answers stays, and nothing goes to the others', async () => {
    const here = (scene = await ProxyScene.open({ hasNeighbour: true }));
    const { lab } = here;
    // Two of them behind one NAT.
    const early = ['cliA2', 'cliB'] as const;
    const phone = ringingBaresip(here, 'cliA');
    for (const host of early) speakingLinphone(here, host);
    await Promise.all([registered(here, 'cliA', 2), registered(here, 'cliB', 1)]);
    const hosts = ['cliA', ...early] as const;
    const captures = await Promise.all(
      hosts.map((host) => Capture.start(lab, host, join(here.folder, `${host}.pcap`))),
    );

    const server = here.calling(USER, 'echo', '--srtp', 'require');
    const verified = () =>
      server.all.filter(({ event, component }) => event === 'verified' && component === 1);
    while (verified().length < early.length) await delay(20);
    assert.equal(new Set(verified().map(({ session }) => session)).size, early.length);
    await delay(EARLY_MS);
    phone.stdin?.write('/accept\n');
    const { status, session } = await server.has('callout');
    const endMs = Date.now();
    assert.equal(status, 200);
    await server.has('verified', (line) => line['session'] === session);
    await delay(ANSWERED_MS);

    assert.ok(verified().every(({ protection }) => protection === 'srtp'));
    const ended = server.all.filter(({ event, component }) => event === 'closed' && component === 1);
    assert.equal(ended.length, early.length);
    assert.ok(ended.every((line) => line['session'] !== session));
    const answers = here.messages().filter(({ way, text }) => way === 'in' && /^SIP\/2.0 183 /.test(text));
    const keys = answers.map((one) => /^a=crypto:.* inline:(\S+)/m.exec(bodyOf(one))?.[1]);
    assert.ok(!keys.includes(undefined) && new Set(keys).size === hosts.length, 'a key each');

    const seen = await Promise.all(captures.map((capture) => capture.stop()));
    for (const [i, host] of hosts.entries()) {
      const spoken = new Set(
        seen[i]!.filter(isFrom(lab.addressOf(host)))
          .filter(isRtp)
          .map(numbersOf),
      );
      const heard = seen[i]!.filter(isFrom(SERVER)).filter(isRtp);
      assert.ok(heard.length > MOST_PACKETS, `${host}: ${heard.length} heard`);
      assert.ok(
        heard.every((packet) => spoken.has(numbersOf(packet))),
        `${host}: an echo of itself and nothing else`,
      );
      const isLate = ({ timeMs }: CapturedDatagram) => timeMs > endMs + LATE_MS;
      assert.equal(heard.some(isLate), host === 'cliA', `${host}: media after the answer`);
    }
  });
});
