// RTCP in a room of three: routed by what it says, under other numbers where two talk under one. An input is a list of
// datagrams, each with a byte that says from whom and one or two for its length.
import { createRooms } from '../../../lib/room/index.js';
import { renameRtcp } from '../../../lib/room/rtcp-renaming.js';
import { SsrcSwaps } from '../../../lib/room/ssrc-swaps.js';
import { parseRtcp } from '../../../lib/wire/rtcp.js';
import { makeRtp, makeSenderReport } from '../../support/media.js';
import { join } from '../../room/participants.js';
import { hold, latin1 } from '../target.js';
import type { Target } from '../target.js';
import { datagramsOf } from './recorded.js';

const SSRCS = [0xa0000001, 0xb0000001, 0xc0000001] as const;

function run(bytes: Uint8Array): void {
  let number = 0x0e000000;
  const rooms = createRooms({ random: () => number++, nowMs: () => 1000 });
  const ports = SSRCS.map(() => join(rooms, 'room', { isRtcpMux: true }).rtp);
  ports.forEach((port, i) => port.receive(makeRtp({ ssrc: SSRCS[i]!, sequence: 1, timestamp: 1 })));
  for (const port of ports) port.sent.length = 0;
  let received = 0;
  for (let at = 0; at + 2 < bytes.length;) {
    const who = bytes[at]! % ports.length;
    const size = bytes[at + 1]! * 4;
    const datagram = bytes.slice(at + 2, at + 2 + size);
    at += 2 + size;
    received += datagram.length + 16;
    const before = latin1(datagram);
    ports[who]!.receive(datagram);
    hold(latin1(datagram) === before, 'the datagram of the sender was changed');
    checkRenaming(datagram);
  }
  let sent = 0;
  for (const [who, port] of ports.entries()) {
    for (const one of port.sent) {
      sent += one.length;
      const type = one[1] ?? 0;
      if (type < 192 || type > 223) continue;
      const headers = parseRtcp(one);
      hold(
        headers.ok,
        () => `RTCP that cannot be read goes out to ${who}: ${Buffer.from(one).toString('hex')}`,
      );
      // Nobody is told about itself as if by another.
      const [first] = headers.value;
      hold(first?.ssrc === undefined || first.ssrc !== SSRCS[who], 'its own report comes back to the sender');
    }
  }
  hold(sent <= 3 * received + 400, () => `${sent} bytes out of ${received}`);
}

/** Renaming is its own inverse, and leaves lengths as they are. */
function checkRenaming(datagram: Uint8Array): void {
  const swaps = new SsrcSwaps();
  swaps.add(SSRCS[0], 0x0d000001);
  swaps.add(SSRCS[1], 0x0d000002);
  const renamed = renameRtcp(datagram, swaps);
  hold(renamed.length === datagram.length, 'a renamed packet of another length');
  hold(latin1(renameRtcp(renamed, swaps)) === latin1(datagram), 'renamed twice it is another');
}

const chunk = (who: number, datagram: Uint8Array): Uint8Array => {
  const size = Math.min(255, Math.ceil(datagram.length / 4));
  const bytes = new Uint8Array(2 + size * 4);
  bytes.set([who, size]);
  bytes.set(datagram.subarray(0, size * 4), 2);
  return bytes;
};

const word = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);

export const target: Target = {
  name: 'rtcp',
  maxBytes: 2000,
  dictionary: [
    word(0xa0, 0, 0, 1),
    word(0xb0, 0, 0, 1),
    word(0xc0, 0, 0, 1),
    word(0x81, 200, 0, 12, 0xa0, 0, 0, 1),
    word(0x81, 201, 0, 7, 0xa0, 0, 0, 1, 0xb0, 0, 0, 1),
    word(0x81, 202, 0, 3, 0xa0, 0, 0, 1, 1, 3, 0x61, 0x40, 0x62, 0, 0, 0),
    word(0x81, 203, 0, 1, 0xa0, 0, 0, 1),
    word(0x80, 204, 0, 2, 0xa0, 0, 0, 1, 0x74, 0x65, 0x73, 0x74),
    word(0x81, 205, 0, 3, 0xa0, 0, 0, 1, 0xb0, 0, 0, 1, 0, 1, 0, 0),
    word(0x81, 206, 0, 2, 0xa0, 0, 0, 1, 0xb0, 0, 0, 1),
    word(0x84, 206, 0, 4, 0xa0, 0, 0, 1, 0, 0, 0, 0, 0xb0, 0, 0, 1, 1, 0, 0, 0),
    word(0x8f, 206, 0, 5, 0xa0, 0, 0, 1, 0, 0, 0, 0, 0x52, 0x45, 0x4d, 0x42, 1, 0, 0x10, 0),
    word(0x80, 207, 0, 4, 0xa0, 0, 0, 1, 5, 0, 0, 3, 0xb0, 0, 0, 1),
    word(4, 0, 0, 2),
    word(6, 0, 0, 9, 0xb0, 0, 0, 1),
  ],
  *seeds(root) {
    yield chunk(0, makeSenderReport(SSRCS[0], 1000, 3));
    yield chunk(1, makeSenderReport(SSRCS[0], 1000, 3));
    for (const datagram of datagramsOf(root, ['nat-rebinding/server.pcap', 'baresip/call.pcap'], 100))
      if ((datagram[1] ?? 0) >= 200 && (datagram[1] ?? 0) <= 207) yield chunk(1, datagram);
    for (const entry of target.dictionary)
      if (typeof entry !== 'string' && entry.length > 8) yield chunk(0, entry);
  },
  run,
  work: { base: 20_000, perByte: 300 },
};
