// A conference bridge: whoever calls sip:NAME@host is in the conference NAME with all others there. It says who comes and goes, who
// speaks, and who cannot hear whom; what it sends to whom is all the distribution server's. Who speaks is told by the level that
// phones send along (RFC 6464), and of PCMU and PCMA by the samples; of other codecs it is not known.
//
// Run: `node --import=tsx docs/examples/conference-bridge.ts [CERT KEY]`, both PEM; without them it listens on UDP and TCP of this
// machine only. SIGTERM or Ctrl-C hangs up and ends it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { RtpPacket, rtpExtensionUriToType } from 'rtp.js/packets';
import sip from 'sip';
import type { Leg, TappedPacket } from 'latchkey/room';
import { createDistributionServer } from 'latchkey/server';
import { latchSip } from 'latchkey/sip';
import { parseRtp } from 'latchkey/wire';
import { decodeG711 } from './g711.js';

/** Below what a loud signal could be: a quiet voice has -40 dB, a quiet room -60. */
const SPEECH_DB = -45;
/** So long above that is speech, and no click of a key. */
const SPEECH_MS = 60;
/** Between two words people are silent so long. */
const PAUSE_MS = 600;
const LOOK_EVERY_MS = 100;
const AUDIO_LEVEL = rtpExtensionUriToType('urn:ietf:params:rtp-hdrext:ssrc-audio-level')!;

/** Whether one participant speaks. */
class Voice {
  #loudSinceMs: number | undefined;
  #loudMs = -Infinity;
  #speaks = false;

  hear(packet: TappedPacket): void {
    const levelDb = levelOf(packet);
    if (levelDb === undefined || levelDb < SPEECH_DB) return;
    if (packet.atMs - this.#loudMs > PAUSE_MS) this.#loudSinceMs = packet.atMs;
    this.#loudMs = packet.atMs;
  }

  /** Undefined where that is as it was. */
  look(nowMs: number): boolean | undefined {
    const isLoud = nowMs - this.#loudMs <= PAUSE_MS;
    const speaks = isLoud && this.#loudMs - (this.#loudSinceMs ?? nowMs) >= SPEECH_MS;
    if (speaks === this.#speaks) return undefined;
    return (this.#speaks = speaks);
  }
}

/** In dB, 0 for the loudest that there can be; undefined where it is not known. */
function levelOf({ bytes, format, stream: { audioLevelId } }: TappedPacket): number | undefined {
  if (audioLevelId > 0) {
    const volume = volumeIn(bytes, audioLevelId);
    if (volume !== undefined) return -volume;
  }
  const header = parseRtp(bytes);
  const samples = header.ok && decodeG711(format.codec, bytes.subarray(header.value.headerSizeBytes));
  if (!samples || samples.length === 0) return undefined;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return 10 * Math.log10(power / 2 ** 30);
}

function volumeIn(bytes: Uint8Array, id: number): number | undefined {
  try {
    const packet = new RtpPacket(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    packet.setExtensionMapping({ [AUDIO_LEVEL]: id });
    return packet.getSsrcAudioLevelExtension()?.volume;
  } catch {
    // Not everybody writes headers that can be read.
    return undefined;
  }
}

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));

const server = createDistributionServer({
  latchkey: { policy: 'prefer' },
  signalling: (latchkey) => latchSip(sip, latchkey),
  listen: { address: '127.0.0.1', udp: 'auto', tcp: 'auto', tls: cert ? 'auto' : 0, cert, key },
  media: { kind: 'shared', port: 'auto' },
});
/** How the log calls each: its call, and what it calls itself. */
const names = new Map<Leg, string>();
const voices = new Map<Leg, Voice>();
server.rooms.on('joined', (participant) => {
  const { room, call, session } = participant;
  const name = server.snapshot().calls.find((one) => one.session === session)?.name;
  names.set(participant, name === undefined ? call : `${call} "${name}"`);
  voices.set(participant, new Voice());
  console.log('joined', room, names.get(participant), 'in all', inRoom(room));
});
server.rooms.on('left', (participant) => {
  voices.delete(participant);
  console.log('left', participant.room, names.get(participant), 'in all', inRoom(participant.room));
  names.delete(participant);
});
server.on('mismatch', ({ room, call, codecs, otherCodecs }) =>
  console.log('no codec in common', room, call, codecs.join(), 'and', otherCodecs.join()),
);
server.rooms.tap({ onPacket: (from, packet) => voices.get(from)?.hear(packet) });
const look = setInterval(() => {
  const nowMs = performance.now();
  for (const [participant, voice] of voices) {
    const speaks = voice.look(nowMs);
    if (speaks !== undefined)
      console.log(speaks ? 'speaks' : 'silent', participant.room, names.get(participant));
  }
}, LOOK_EVERY_MS);
console.log('listening', JSON.stringify(await server.start()));

function inRoom(name: string): number {
  return [...voices.keys()].filter(({ room }) => room === name).length;
}

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
clearInterval(look);
await server.close({ graceMs: 1000 });
