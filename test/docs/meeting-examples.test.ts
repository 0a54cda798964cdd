// docs/examples/conference-bridge.ts and docs/examples/recorder.ts, each with callers of its own: `latchkey call` as people use it. What
// is recorded is compared with what the callers sent by their own captures.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import wavefile from 'wavefile';
import { PcapWriter, readDatagrams } from '../../lib/capture/index.js';
import { classifyPacket, parseRtp } from '../../lib/wire/index.js';
import { CommandProcess } from '../cli/server-process.js';
import { mediaPort, RawPhone } from '../cli/raw-phone.js';
import { createCertificate } from '../plugins/sip-phones.js';
import { Example } from './example-program.js';

const RATE = 8000;
/** What callers play, over and over. */
const LENGTH_S = 4;
/** Louder than this is the burst. */
const LOUD = 2000;

describe('docs: examples of meetings', function () {
  this.timeout(60_000);
  let folder: string;
  let example: Example | undefined;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
    const { key, cert } = await createCertificate();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
  });
  afterEach(async () => {
    await CommandProcess.killAll();
    example?.child.kill('SIGKILL');
    await example?.ended;
    example = undefined;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const certificate = () => join(folder, 'cert.pem');

  async function start(name: string, ...args: string[]) {
    example = new Example(name, ...args, certificate(), join(folder, 'key.pem'));
    const [, listening = ''] = await example.line(/^listening (.+)$/m);
    const { sip } = JSON.parse(listening) as { sip: Record<string, { port: number }> };
    const port = (protocol: string) => sip[protocol]?.port ?? 0;
    return { port, at: (room: string) => `sip:${room}@localhost:${port('TLS')}` };
  }

  function call(uri: string, ...args: string[]): CommandProcess {
    return new CommandProcess('call', uri, '--ca', certificate(), '--json', ...args);
  }

  /** A WAV of a tone that begins at this time and lasts for half a second. */
  function burst(name: string, fromS: number): string {
    const samples = Array.from({ length: LENGTH_S * RATE }, (_, i) =>
      i >= fromS * RATE && i < (fromS + 0.5) * RATE
        ? Math.round(12_000 * Math.sin((i * 600 * 2 * Math.PI) / RATE))
        : 0,
    );
    const wave = new wavefile.WaveFile();
    wave.fromScratch(1, RATE, '16', samples);
    const path = join(folder, name);
    writeFileSync(path, wave.toBuffer());
    return path;
  }

  it('conference-bridge.ts: says who comes, speaks, is silent and goes', async () => {
    const { at } = await start('conference-bridge.ts');
    const alice = call(at('tea'), '--play', burst('alice.wav', 1));
    const [, first] = await example!.line(/^joined tea (\S+ .*) in all 1$/m);
    const bob = call(at('tea'), '--play', burst('silent.wav', LENGTH_S));
    const [, second] = await example!.line(/^joined tea (\S+ .*) in all 2$/m);
    await example!.line(new RegExp(`^speaks tea ${first}$[^]*^silent tea ${first}$`, 'm'));
    assert.equal((await alice.stop()).code, 0);
    await example!.line(new RegExp(`^left tea ${first} in all 1$`, 'm'));
    const { code, stdout } = await bob.stop();
    assert.equal(code, 0);
    assert.doesNotMatch(example!.output, new RegExp(`speaks tea ${second}`));
    // And the audio is distributed.
    const { streams } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      streams: { packets: number }[];
    };
    assert.ok((streams[0]?.packets ?? 0) > 10, stdout);
    example!.child.kill('SIGTERM');
    assert.equal(await example!.ended, 0, example!.errors);
  });

  it('conference-bridge.ts: goes by the level that phones send along, whatever the codec', async () => {
    const { port } = await start('conference-bridge.ts');
    const phone = await RawPhone.open(port('UDP'));
    let timer: NodeJS.Timeout | undefined;
    try {
      const level = 'a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level';
      const offer = phone.sdp(level, 'a=sendrecv').replace('AVP 0', 'AVP 111');
      const { body } = await phone.ask('INVITE', {
        user: 'tea',
        body: offer.replace('0 PCMU/8000', '111 opus/48000/2'),
      });
      await example!.line(/^joined tea .+ in all 1$/m);
      let sequence = 0;
      let volume = 90;
      timer = setInterval(() => {
        const [one, id] = [0x90, (3 << 4) | 0];
        const packet = Buffer.alloc(40);
        packet.set([one, 111, 0, ++sequence, 0, 0, sequence, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, id, volume]);
        phone.media.send(packet, mediaPort(body), '127.0.0.1');
        // As quiet as a room, then as loud as a voice, then quiet again.
        volume = sequence > 15 && sequence < 40 ? 25 : 90;
      }, 20);
      await example!.line(
        new RegExp(`^speaks tea ${phone.callId} "raw"$[^]*^silent tea ${phone.callId} "raw"$`, 'm'),
      );
      assert.ok(sequence > 40, `${sequence}`);
    } finally {
      clearInterval(timer);
      phone.close();
    }
  });

  it('recorder.ts: a WAV for each, in step with the other within 20 ms; others go on where one codec is not written', async () => {
    const recordings = join(folder, 'recordings');
    const { at } = await start('recorder.ts', recordings);
    const callers: { call: CommandProcess; capture: string; path: string }[] = [];
    for (const [index, [name, fromS]] of (
      [
        ['alice', 1],
        ['bob', 2.25],
      ] as const
    ).entries()) {
      const capture = join(folder, `${name}.pcap`);
      const one = call(
        at('tea'),
        '--play',
        burst(`${name}.wav`, fromS),
        '--record',
        capture,
        '--duration',
        '7',
      );
      const [, path = ''] = await example!.line(new RegExp(`^participant (.+/${index + 1}) .+$`, 'm'));
      callers.push({ call: one, capture, path });
    }
    const opus = call(at('music'), '--play', opusCapture());
    for (const one of callers.map(({ call }) => call)) assert.equal((await one.ended()).code, 0, one.output);
    const [, since = ''] = await example!.line(/^recording tea since (.+)$/m);
    for (const { capture, path } of callers) {
      await example!.line(new RegExp(`^recorded ${path} \\d+ packets`, 'm'));
      assert.ok(example!.output.includes(`in step by RTCP ${path}.wav`), example!.output);
      const sent = onsetsIn(sentIn(capture));
      const recorded = onsetsIn(samplesOf(`${path}.wav`, Date.parse(since)));
      assert.ok(sent.length >= 2, `${sent.length} bursts`);
      assert.equal(recorded.length, sent.length);
      const errors = recorded.map((onsetMs, i) => Math.round(onsetMs - sent[i]!));
      this.ctx.test!.title += ` [${errors.join()}]`;
      assert.ok(
        errors.every((ms) => Math.abs(ms) <= 20),
        `${path}: ${errors.join()} ms from when it was sent`,
      );
    }
    const [, pcap = ''] = await example!.line(/^no WAV of opus\/48000\/2 it goes to (.+\.pcap)$/m);
    // Whoever is still there is hung up on, and what was said is kept.
    example!.child.kill('SIGTERM');
    assert.equal((await opus.ended()).code, 0, opus.output);
    assert.equal(await example!.ended, 0, example!.errors);
    assert.match(example!.output, /^recorded .*music.* \d+ packets 0\.00 s$/m);
    const kept = [...readDatagrams(readFileSync(pcap))].filter(
      ({ payload }) => classifyPacket(payload) === 'rtp',
    );
    assert.ok(kept.length > 50, `${kept.length} packets`);
    assert.equal(example!.errors, '');
  });

  it('recorder.ts: where nothing can be written it says so, and calls go on', async () => {
    const { at } = await start('recorder.ts', '/dev/null/recordings');
    const alice = call(at('tea'), '--duration', '3');
    await example!.line(/^participant .+\/1 .+$/m);
    const bob = call(at('tea'), '--duration', '2');
    const { code, stdout } = await bob.ended();
    assert.equal(code, 0);
    const { streams } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      streams: { packets: number }[];
    };
    assert.ok((streams[0]?.packets ?? 0) > 10, stdout);
    assert.equal((await alice.ended()).code, 0);
    await example!.line(/^cut short .+\/1 \d+ packets/m);
    const complaints = example!.errors.trim().split('\n');
    assert.equal(complaints.length, 2, example!.errors);
    for (const one of complaints)
      assert.match(one, /^cannot write .+\/[12]\.wav: ENOTDIR.+ the call goes on\.$/);
    example!.child.kill('SIGTERM');
    assert.equal(await example!.ended, 0, example!.errors);
  });

  function opusCapture(): string {
    const pieces: Uint8Array[] = [];
    const pcap = new PcapWriter((bytes) => pieces.push(bytes));
    const [source, destination] = [1, 2].map((host) => ({ address: `192.0.2.${host}`, port: 4000 }));
    for (let i = 0; i < 100; i++) {
      const payload = new Uint8Array(40);
      const view = new DataView(payload.buffer);
      payload.set([0x80, 111]);
      view.setUint16(2, i);
      view.setUint32(4, i * 960);
      view.setUint32(8, 0x5eed);
      pcap.write({ timeMs: 1000 + 20 * i, source: source!, destination: destination!, payload });
    }
    const path = join(folder, 'opus.pcap');
    writeFileSync(path, Buffer.concat(pieces));
    return path;
  }
});

/** Sound at its times, in milliseconds since 1970. */
interface Sound {
  readonly startMs: number;
  readonly samples: Int16Array;
}

function samplesOf(path: string, startMs: number): Sound {
  const wave = new wavefile.WaveFile(readFileSync(path));
  return { startMs, samples: Int16Array.from(wave.getSamples(true)) };
}

/** What a caller sent, by its own capture: by the middle one of its packets, since single ones wait for the processor. */
function sentIn(capture: string): Sound {
  const all = [...readDatagrams(readFileSync(capture))];
  const from = all[0]!.source.port;
  const packets = all.flatMap(({ source, payload, timeMs }) => {
    const header = source.port === from && classifyPacket(payload) === 'rtp' ? parseRtp(payload) : undefined;
    return header?.ok ? [{ timeMs, payload, ...header.value }] : [];
  });
  const first = packets[0]!.timestamp;
  const starts = packets.map(({ timeMs, timestamp }) => timeMs - ((timestamp - first) | 0) / (RATE / 1000));
  const startMs = starts.sort((a, b) => a - b)[Math.floor(starts.length / 2)]!;
  const samples = new Int16Array(packets.length * 160);
  for (const { payload, timestamp, headerSizeBytes } of packets)
    samples.set(Int16Array.from(payload.subarray(headerSizeBytes), loudness), (timestamp - first) | 0);
  return { startMs, samples };
}

/** Of an octet of PCMU as much as this test needs: silence is 0xff or 0x7f, and numbers near it are quiet. */
function loudness(octet: number): number {
  return (octet & 0x7f) < 0x40 ? 10_000 : 0;
}

/** When each burst begins: what is loud after half a second that is not. */
function onsetsIn({ startMs, samples }: Sound): number[] {
  const onsets: number[] = [];
  let loudAt = -RATE;
  samples.forEach((sample, at) => {
    if (Math.abs(sample) < LOUD) return;
    if (at - loudAt > RATE / 2) onsets.push(startMs + at / (RATE / 1000));
    loudAt = at;
  });
  return onsets;
}
