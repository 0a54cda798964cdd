// Who spoke: every packet of the comparison carries its speaker's name as content. No relay changes content, so a capture tells
// whose packet it is, whatever the relay did to SSRC, sequence number and address.
import { PcapWriter } from '../../lib/capture/index.js';

/** The caller behind the NAT, the callee in the open, and who was not invited. */
export type Speaker = 'caller' | 'callee' | 'attacker';

const SPEAKERS: readonly Speaker[] = ['caller', 'callee', 'attacker'];
const HEADER_BYTES = 12;
const SAMPLES = 160;
export const INTERVAL_MS = 20;

/** What the packets of this speaker carry, in front. */
export function markOf(speaker: Speaker): string {
  return `latchkey comparison, ${speaker} speaking.`;
}

const MARKS = SPEAKERS.map((speaker) => ({ speaker, mark: Buffer.from(markOf(speaker), 'latin1') }));

/** Whose media this UDP payload is; undefined for all that is not media of this comparison, such as challenges. */
export function speakerOf(payload: Uint8Array): Speaker | undefined {
  const content = payload.subarray(HEADER_BYTES);
  return MARKS.find(({ mark }) => mark.equals(content.subarray(0, mark.length)))?.speaker;
}

/** A capture with a second of what the speaker says, for `latchkey call --play`, which plays it over and over. */
export function recordingOf(speaker: Speaker): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => chunks.push(new Uint8Array(bytes)));
  for (let i = 0; i < 1000 / INTERVAL_MS; i++) {
    const payload = Buffer.alloc(HEADER_BYTES + SAMPLES, 0xff);
    payload.writeUInt16BE(0x8000, 0);
    payload.writeUInt16BE(i, 2);
    payload.writeUInt32BE(i * SAMPLES, 4);
    payload.writeUInt32BE(1, 8);
    payload.write(markOf(speaker), HEADER_BYTES, 'latin1');
    const [source, destination] = ['192.0.2.1', '192.0.2.2'].map((address) => ({ address, port: 40_000 }));
    writer.write({ timeMs: i * INTERVAL_MS, source: source!, destination: destination!, payload });
  }
  return Buffer.concat(chunks);
}
