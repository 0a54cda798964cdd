// A whole call over plain UDP SIP whose key was had over HTTPS (protocol.md 2, `kid`), between processes that users would start, from
// before the key is asked for to after the BYE. What the client's and the server's wires carried is searched for every form of the key
// and of both keys that come of it. The test learns the key by reading the HTTPS with the secrets of the client's TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, hkdfSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { classifyPacket } from '../../lib/wire/index.js';
import type { CapturedDatagram } from '../../lib/capture/index.js';
import { skipBecause, whyNoClient } from '../clients/client-programs.js';
import { findKey } from '../support/key-forms.js';
import { Capture } from './capture.js';
import { jsonLines } from './json-lines.js';
import { Lab, SERVER, whyNoLab } from './lab.js';

const PROGRAM = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));
const HTTPS_PORT = 8443;
const INTEGRITY = 0x001c;
/** One for the key is what is expected. */
const STREAMS_MAX = 4;

describe('a call over plain UDP SIP with a key from HTTPS', function () {
  this.timeout(90_000);
  let lab: Lab | undefined;
  let folder = '';

  afterEach(() => {
    lab?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('is latched, with media both ways, and no form of any key is on the wire', async function () {
    skipBecause(this, whyNoLab() ?? whyNoClient('tshark'));
    const here = (lab = new Lab());
    folder = mkdtempSync(join(tmpdir(), 'latchkey-kid-'));
    const listen = ['--listen', SERVER, '--https', String(HTTPS_PORT), '--media', '40000-40001'];
    const serving = here.latchkey('pub', 'serve', '--json', '--open', '--policy', 'require', ...listen);
    const server = jsonLines(serving);
    const { certificate } = await server.has('listening');
    const files = { client: join(folder, 'client.pcap'), server: join(folder, 'server.pcap') };
    const captures = [
      await Capture.start(here, 'cliA', files.client, true),
      await Capture.start(here, 'pub', files.server, true),
    ];
    const tlsSecrets = join(folder, 'tls-secrets');
    const options = ['--keys', `https://${SERVER}:${HTTPS_PORT}`, '--ca', String(certificate)];
    const call = jsonLines(
      here.spawn(
        ...(['cliA', process.execPath, '--no-warnings', `--tls-keylog=${tlsSecrets}`, PROGRAM] as const),
        ...['call', `sip:echo@${SERVER}:5060;transport=udp`, ...options, '--duration', '2', '--json'],
      ),
    );
    await call.end;
    serving.kill('SIGTERM');
    await server.end;
    const [client = [], atServer = []] = [await captures[0]!.stop(), await captures[1]!.stop()];

    // The call: clear signalling, latched, media both ways from the first packet to the BYE.
    const answered = call.all.find(({ event }) => event === 'answered');
    assert.deepEqual([answered?.['protection'], answered?.['signalling']], ['latch', 'clear']);
    const rtp = (packets: readonly CapturedDatagram[], from: (address: string) => boolean) =>
      packets.filter(({ source, payload }) => from(source.address) && classifyPacket(payload) === 'rtp')
        .length;
    for (const packets of [client, atServer]) {
      assert.ok(rtp(packets, (address) => address === SERVER) > 50, 'media to the client');
      assert.ok(rtp(packets, (address) => address !== SERVER) > 50, 'media to the server');
    }
    const messages = client.map(({ payload }) => Buffer.from(payload).toString('latin1'));
    const isOkToBye = (text: string) => text.startsWith('SIP/2.0 200') && /^CSeq: *\d+ BYE/im.test(text);
    assert.ok(
      messages.some((text) => text.startsWith('BYE ')) && messages.some(isOkToBye),
      'BYE and its 200',
    );

    // The key, out of the HTTPS; both derived keys, out of it and the SDP.
    const reply = decrypted(files.client, tlsSecrets);
    const key = Buffer.from(reply.key, 'base64url');
    assert.equal(key.length, 32);
    const halves = [halfIn(messages, 'INVITE '), halfIn(messages, 'SIP/2.0 200')] as const;
    for (const { kid } of halves) assert.equal(kid, reply.kid);
    const derived = deriveKeys(key, ...halves);
    // These are the keys of this call: the messages on its media port verify under one of them.
    const latch = client.filter(({ payload }) => classifyPacket(payload) === 'stun');
    const verifying = latch.filter(({ payload }) => hasIntegrity(payload, derived.integrity));
    assert.equal(verifying.length, latch.length);
    assert.ok(latch.length >= 4, 'hello, welcome, challenge, response');

    const haystacks = new Map<string, Uint8Array>();
    for (const [name, file] of Object.entries(files)) {
      haystacks.set(`${name}, all packets`, readFileSync(file));
      for (const [stream, bytes] of tcpStreams(file)) haystacks.set(`${name}, TCP stream ${stream}`, bytes);
    }
    for (const [name, packets] of Object.entries({ client, server: atServer }))
      haystacks.set(`${name}, UDP`, Buffer.concat(packets.map(({ payload }) => payload)));
    for (const one of [key, derived.integrity, derived.proof]) assert.deepEqual(findKey(one, haystacks), []);

    // The same search finds what is there: the halves in the SDP, what TLS shows, and the key where TLS is open.
    for (const { secret } of halves) {
      const places = findKey(secret, haystacks).map((found) => found.split(':')[0]);
      for (const name of Object.keys(files))
        for (const place of ['all packets', 'UDP'])
          assert.ok(places.includes(`${name}, ${place}`), places.join());
    }
    const random = /^CLIENT_HANDSHAKE_TRAFFIC_SECRET ([0-9a-f]{64})/m.exec(
      readFileSync(tlsSecrets, 'latin1'),
    );
    const shown = findKey(Buffer.from(random?.[1] ?? '', 'hex'), haystacks);
    for (const name of Object.keys(files)) {
      const isInStream = (found: string) =>
        found.startsWith(`${name}, TCP stream`) && found.endsWith(': raw bytes');
      assert.ok(shown.some(isInStream), `the random of the ClientHello in ${name}: ${shown.join()}`);
    }
    const opened = findKey(key, new Map([['opened', Buffer.from(reply.text)]]));
    assert.ok(opened.includes('opened: base64url after 0 bytes'), opened.join());
  });
});

interface Half {
  readonly tag: string;
  readonly secret: Buffer;
  readonly kid: string | undefined;
  /** As sent: those that are offered, or the one that is chosen. */
  readonly suites: string;
}

/** The first line of our attributes in a SIP message that begins like this. */
function halfIn(messages: readonly string[], start: string): Half {
  const line = /^a=latch:1 (\S+) (\S+)(.*)$/m;
  const found = messages.map((text) => (text.startsWith(start) ? line.exec(text) : null)).find(Boolean);
  assert.ok(found, `no a=latch in ${start}`);
  const [, tag = '', secret = '', params = ''] = found;
  const param = (name: string) => new RegExp(` ${name}=(\\S+)`).exec(params)?.[1];
  return {
    ...{ tag, secret: Buffer.from(secret, 'base64url'), kid: param('kid') },
    suites: param('suites') ?? param('suite') ?? '',
  };
}

/** protocol.md 3, by Node's own HKDF. */
function deriveKeys(key: Buffer, offer: Half, answer: Half): { integrity: Buffer; proof: Buffer } {
  const material = Buffer.concat([key, offer.secret, answer.secret]);
  const info = [offer.tag, answer.tag, offer.suites, answer.suites].join(':');
  const keys = Buffer.from(hkdfSync('sha256', material, 'latch-v1', info, 64));
  return { integrity: keys.subarray(0, 32), proof: keys.subarray(32) };
}

/** RFC 8489 14.6: whether the MESSAGE-INTEGRITY-SHA256 is that of this key. */
function hasIntegrity(message: Uint8Array, key: Buffer): boolean {
  const bytes = Buffer.from(message);
  let at = 20;
  while (at + 4 <= bytes.length && bytes.readUInt16BE(at) !== INTEGRITY)
    at += 4 + 4 * Math.ceil(bytes.readUInt16BE(at + 2) / 4);
  if (at + 36 > bytes.length) return false;
  const covered = Buffer.from(bytes.subarray(0, at));
  covered.writeUInt16BE(at + 36 - 20, 2);
  return createHmac('sha256', key)
    .update(covered)
    .digest()
    .equals(bytes.subarray(at + 4, at + 36));
}

const tshark = (...args: readonly string[]): string =>
  execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 26 });

/** Each TCP stream of a capture, as its receivers had it: both directions, put together by tshark. */
function tcpStreams(file: string): Map<string, Buffer> {
  const follow = Array.from({ length: STREAMS_MAX }, (_one, i) => ['-z', `follow,tcp,raw,${i}`]).flat();
  const said = tshark('-r', file, '-q', '-z', 'conv,tcp', ...follow);
  const count = said.match(/<->/g)?.length ?? 0;
  assert.ok(count > 0 && count <= STREAMS_MAX, `${count} TCP streams`);
  const bytesOf = (block: string, direction: RegExp) =>
    Buffer.from((block.match(direction) ?? []).join('').replaceAll(/\s/g, ''), 'hex');
  const blocks = said.split(/^Filter: tcp\.stream eq /m).slice(1);
  return new Map(
    blocks.flatMap((block) => {
      const number = Number.parseInt(block, 10);
      return [
        [`${number} out`, bytesOf(block, /^(?:[0-9a-f]{2})+$/gm)] as const,
        [`${number} back`, bytesOf(block, /^\t(?:[0-9a-f]{2})+$/gm)] as const,
      ];
    }),
  );
}

/** The reply of the key store, read as somebody could who has the client's TLS secrets. */
function decrypted(file: string, secrets: string): { text: string; kid: string; key: string } {
  const opened = tshark(
    ...['-r', file, '-o', `tls.keylog_file:${secrets}`, '-d', `tcp.port==${HTTPS_PORT},tls`],
    ...['-d', `tls.port==${HTTPS_PORT},http`, '-Y', 'http.response', '-T', 'fields', '-e', 'http.file_data'],
  ).trim();
  // Newer ones give the bytes in hex.
  const text = /^[0-9a-f]+$/i.test(opened) ? Buffer.from(opened, 'hex').toString() : opened;
  const { kid, key } = JSON.parse(text.replaceAll('\\"', '"')) as { kid: string; key: string };
  return { text, kid, key };
}
