// The index of an RTP packet (RFC 3711 3.3.1): its sequence number, and how often the numbers have run over before it, which no packet
// says. It is guessed from the highest index that is known, and whether the guess was right shows by the tag.

export const SEQUENCES = 0x1_0000;

/** The roll-over counter of a packet with this sequence number: of the three that are possible the one that lies nearest. */
export function guessRollOver(sequence: number, highest: number): number {
  const rollOver = Math.floor(highest / SEQUENCES);
  const ahead = sequence - (highest % SEQUENCES);
  if (ahead > SEQUENCES / 2) return Math.max(rollOver - 1, 0);
  return ahead < -SEQUENCES / 2 ? rollOver + 1 : rollOver;
}
