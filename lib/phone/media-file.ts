// `--play FILE`: a capture or a WAV, told apart by how it begins; without a file, a tone. Says which format the packets
// have, so that an offer can name it. Plays nothing.
import { readFileSync } from 'node:fs';
import { playFromCapture, playFromWav, playTone, readDatagrams } from '../capture/index.js';
import type { MediaPacket } from '../capture/index.js';
import { LatchkeyError } from '../core/index.js';
import { readRtpPayloadType } from '../wire/index.js';
import type { Format } from '../room/formats.js';
import { Failure } from './failure.js';

const TONE_S = 2;
const FIRST_DYNAMIC_TYPE = 96;
const STATIC_CODECS = new Map([
  [0, 'PCMU/8000'],
  [8, 'PCMA/8000'],
  [9, 'G722/8000'],
]);

/** The packets to play. Throws a Failure that says what is wrong with the file. */
export function loadMedia(path: string | undefined): MediaPacket[] {
  if (path === undefined) return playTone(TONE_S);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(`cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
  const packets = isWav(bytes) ? loadWav(path, bytes) : playFromCapture(bytes);
  if (packets.length === 0)
    throw new Failure(`nothing in ${path} can be played: ${readDatagrams(bytes).error?.message ?? 'no RTP'}`);
  formatOf(packets);
  return packets;
}

/** The format of the packets: a capture does not name it, so a dynamic number is taken for opus. Throws a Failure. */
export function formatOf(packets: readonly MediaPacket[]): Format {
  const [first] = packets;
  const payloadType = first ? readRtpPayloadType(first.bytes) : 0;
  const codec =
    STATIC_CODECS.get(payloadType) ?? (payloadType >= FIRST_DYNAMIC_TYPE ? 'opus/48000/2' : undefined);
  if (codec === undefined)
    throw new Failure(`payload type ${payloadType} cannot be played: PCMU, PCMA, G722 and opus can`);
  return { payloadType, codec };
}

function loadWav(path: string, bytes: Uint8Array): MediaPacket[] {
  try {
    return playFromWav(bytes);
  } catch (error) {
    if (error instanceof LatchkeyError) throw new Failure(`cannot play ${path}: ${error.message}`);
    throw error;
  }
}

/** RIFF, RF64 or big-endian RIFX, and WAVE. */
function isWav(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return /^(?:RIFF|RIFX|RF64)....WAVE/s.test(text);
}
