// ffmpeg and GStreamer (libsrtp), as Debian ships them, against lib/srtp: what they protect is authentic and reads as it was, and what we
// protect they decrypt, in each suite that they have. RTCP too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MasterKey } from '../../lib/srtp/index.js';
import { classifyPacket } from '../../lib/wire/index.js';
import { masterKey, receiver, sealed, sender, tagged } from '../srtp/master-keys.js';
import { RunningClient, skipBecause, whyNoClient } from './client-programs.js';

const LOOPBACK = '127.0.0.1';
const SSRC = 0x1234_5678;
const PAYLOAD_BYTES = 160;
const HEADER_BYTES = 12;
const PACKET_MS = 20;
/** A program that starts late hears a piece of what was said. */
const ENOUGH_PACKETS = 20;
/** More than any of them takes to start. */
const PATIENCE_MS = 10_000;

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly master: MasterKey;
}

/** A program, and the commands with which it sends PCMU under a key, and writes the bytes of what it received to a file. */
interface Peer {
  readonly name: string;
  readonly suites: readonly string[];
  readonly sendsRtcp: boolean;
  readonly sends: (place: Place) => string[];
  /** The command that writes the bytes of the same sound to a file. */
  readonly writes: (file: string) => string[];
  readonly receives: (place: Place & { readonly file: string }) => string[];
}

const bytesOf = ({ key, salt }: MasterKey) => Buffer.from([...key, ...salt]);

const FFMPEG = ['ffmpeg', '-loglevel', 'error'];
/**
 * By the name of RFC 4568 its short tags are RTCP's too, against that RFC's 6.2.2; by the name of RFC 5764 for the same suite they are RTP's
 * alone.
 */
const FFMPEG_NAMES: Readonly<Record<string, string>> = {
  AES_CM_128_HMAC_SHA1_80: 'AES_CM_128_HMAC_SHA1_80',
  AES_CM_128_HMAC_SHA1_32: 'SRTP_AES128_CM_HMAC_SHA1_32',
};
const FFMPEG_TONE = [
  ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=8000', '-t', '0.8'],
  ...['-c:a', 'pcm_mulaw'],
];

const ffmpeg: Peer = {
  name: 'ffmpeg',
  suites: Object.keys(FFMPEG_NAMES),
  sendsRtcp: true,
  sends: ({ port, master }) => [
    ...[...FFMPEG, ...FFMPEG_TONE, '-f', 'rtp'],
    ...[
      '-srtp_out_suite',
      FFMPEG_NAMES[master.suite.name]!,
      '-srtp_out_params',
      bytesOf(master).toString('base64'),
    ],
    `srtp://${LOOPBACK}:${port}?pkt_size=172&rtcpport=${port}`,
  ],
  writes: (file) => [...FFMPEG, ...FFMPEG_TONE, '-f', 'mulaw', file],
  receives: ({ folder, port, master, file }) => {
    const description = join(folder, 'in.sdp');
    const lines = [
      ...['v=0', `o=- 1 1 IN IP4 ${LOOPBACK}`, 's=-', `c=IN IP4 ${LOOPBACK}`, 't=0 0'],
      `m=audio ${port} RTP/SAVP 0`,
      `a=crypto:1 ${master.suite.name} inline:${bytesOf(master).toString('base64')}`,
    ];
    writeFileSync(description, lines.map((line) => `${line}\r\n`).join(''));
    return [
      ...[...FFMPEG, '-protocol_whitelist', 'file,udp,rtp,srtp', '-i', description],
      ...['-t', '0.6', '-c:a', 'copy', '-f', 'mulaw', file],
    ];
  },
};

/** As GStreamer calls them. */
const CIPHERS: Readonly<Record<string, readonly [cipher: string, auth: string]>> = {
  AES_CM_128_HMAC_SHA1_80: ['aes-128-icm', 'hmac-sha1-80'],
  AES_CM_128_HMAC_SHA1_32: ['aes-128-icm', 'hmac-sha1-32'],
  AES_256_CM_HMAC_SHA1_80: ['aes-256-icm', 'hmac-sha1-80'],
  AES_256_CM_HMAC_SHA1_32: ['aes-256-icm', 'hmac-sha1-32'],
  AEAD_AES_128_GCM: ['aes-128-gcm', 'null'],
  AEAD_AES_256_GCM: ['aes-256-gcm', 'null'],
};

const GSTREAMER = ['gst-launch-1.0', '-q'];
const GSTREAMER_TONE = [
  ...['audiotestsrc', 'is-live=true', 'num-buffers=40', `samplesperbuffer=${PAYLOAD_BYTES}`],
  ...['!', 'audio/x-raw,rate=8000,channels=1', '!', 'mulawenc', '!'],
];

/** Its encoder wants two bytes more than the salt of this one has; they are not used. */
function encoderKey(master: MasterKey): string {
  return bytesOf(master).toString('hex').padEnd(60, '0');
}

const gstreamer: Peer = {
  name: 'GStreamer',
  suites: Object.keys(CIPHERS),
  sendsRtcp: false,
  sends: ({ port, master }) => {
    const [cipher, auth] = CIPHERS[master.suite.name]!;
    return [
      ...[...GSTREAMER, ...GSTREAMER_TONE, 'rtppcmupay', '!'],
      ...['srtpenc', `key=${encoderKey(master)}`, `rtp-cipher=${cipher}`, `rtp-auth=${auth}`],
      ...['!', 'udpsink', `host=${LOOPBACK}`, `port=${port}`],
    ];
  },
  writes: (file) => [...GSTREAMER, ...GSTREAMER_TONE, 'filesink', `location=${file}`],
  receives: ({ port, master, file }) => {
    const [cipher, auth] = CIPHERS[master.suite.name]!;
    const caps = [
      ...['application/x-srtp', 'media=(string)audio', 'payload=(int)0', 'clock-rate=(int)8000'],
      ...['encoding-name=(string)PCMU', `ssrc=(uint)${SSRC}`, 'roc=(uint)0'],
      `srtp-key=(buffer)${bytesOf(master).toString('hex')}`,
      ...[`srtp-cipher=(string)${cipher}`, `srtp-auth=(string)${auth}`],
      ...[`srtcp-cipher=(string)${cipher}`, `srtcp-auth=(string)${auth === 'null' ? auth : 'hmac-sha1-80'}`],
    ];
    return [
      ...[...GSTREAMER, 'udpsrc', `port=${port}`, 'num-buffers=40', `caps=${caps.join(',')}`],
      ...['!', 'srtpdec', '!', 'rtppcmudepay', '!', 'filesink', `location=${file}`],
    ];
  },
};

/** One bit of the payload is another. */
const damaged = (byte: number, at: number) => (at === HEADER_BYTES + 8 ? byte ^ 1 : byte);

/** PCMU of our own in which no two places are alike. */
function payloadOf(count: number): Buffer {
  return Buffer.from(
    Array.from({ length: PAYLOAD_BYTES }, (_, i) => (count * 37 + i * (2 * count + 1)) & 0xff),
  );
}

function packetOf(count: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0x80;
  header.writeUInt16BE(1000 + count, 2);
  header.writeUInt32BE(PAYLOAD_BYTES * count, 4);
  header.writeUInt32BE(SSRC, 8);
  return Buffer.concat([header, payloadOf(count)]);
}

function whyNoElement(name: string): string | undefined {
  return spawnSync('gst-inspect-1.0', [name]).status === 0 ? undefined : `needs GStreamer's ${name}`;
}

async function open(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, LOOPBACK);
  await once(socket, 'listening');
  return socket;
}

describe('SRTP with other programs', function () {
  this.timeout(30_000);
  let folder: string;
  let sockets: Socket[] = [];
  let client: RunningClient | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoClient('ffmpeg', 'gst-launch-1.0') ?? whyNoElement('srtpenc'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-suites-'));
  });
  afterEach(() => {
    client?.kill();
    for (const socket of sockets) socket.close();
    sockets = [];
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  for (const peer of [ffmpeg, gstreamer])
    for (const name of peer.suites) {
      it(`${peer.name} protects, we verify and decrypt: ${name}`, async () => {
        const [master, socket] = [masterKey(name), await open()];
        sockets.push(socket);
        const packets: Uint8Array[] = [];
        socket.on('message', (bytes) => packets.push(bytes));
        client = new RunningClient(peer.sends({ folder, port: socket.address().port, master }));
        await client.ended();
        const judge = receiver(master);
        const clear = packets.map((bytes) => {
          const isRtp = classifyPacket(bytes) === 'rtp';
          const packet = tagged(isRtp ? judge.checkRtp(bytes, 0) : judge.checkRtcp(bytes));
          assert.ok(judge.accept(packet, 0));
          return packet.clear!;
        });
        const [rtp, rtcp] = (['rtp', 'rtcp'] as const).map((kind) =>
          clear.filter((bytes) => classifyPacket(bytes) === kind),
        ) as [Uint8Array[], Uint8Array[]];
        assert.equal(rtcp.length > 0, peer.sendsRtcp, client.said);
        const heard = Buffer.concat(rtp.map((bytes) => bytes.subarray(HEADER_BYTES)));
        const file = join(folder, 'said');
        client = new RunningClient(peer.writes(file));
        await client.ended();
        assert.ok(heard.length >= ENOUGH_PACKETS * PAYLOAD_BYTES, `${heard.length} bytes`);
        assert.deepEqual(heard, readFileSync(file).subarray(0, heard.length));
        const forged = packets.find((bytes) => classifyPacket(bytes) === 'rtp')!.map(damaged);
        assert.equal(judge.checkRtp(forged, 0), 'tag');
      });

      it(`we protect, ${peer.name} verifies and decrypts: ${name}`, async () => {
        const [master, socket, theirs] = [masterKey(name), await open(), await open()];
        const { port } = theirs.address();
        theirs.close();
        sockets.push(socket);
        const file = join(folder, 'heard');
        client = new RunningClient(peer.receives({ folder, port, master, file }));
        const protecting = sender(master);
        let hasEnded = false;
        const end = client.ended().then(() => (hasEnded = true));
        const untilMs = Date.now() + PATIENCE_MS;
        for (let count = 0; !hasEnded && Date.now() < untilMs; count++) {
          const packet = sealed(protecting.protectRtp(packetOf(count)));
          socket.send(packet, port, LOOPBACK);
          // Not authentic: it changes nothing there.
          socket.send(packet.map(damaged), port, LOOPBACK);
          await delay(PACKET_MS);
        }
        await end;
        const heard = readFileSync(file);
        const said = Buffer.concat(
          Array.from({ length: PATIENCE_MS / PACKET_MS }, (_, count) => payloadOf(count)),
        );
        assert.ok(heard.length >= ENOUGH_PACKETS * PAYLOAD_BYTES, `${heard.length} bytes; ${client.said}`);
        assert.ok(said.includes(heard), 'what was said, byte for byte, and nothing else');
      });
    }
});
