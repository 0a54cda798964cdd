// A reader on the path: tcpdump where the victim's packets pass, and the UDP datagrams out of its stream as they come. It
// reads IPv4 on Ethernet only, and holds nothing back: it cannot drop.
import { spawn } from 'node:child_process';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const UDP = 17;

/**
 * Runs `command`, a tcpdump that writes a capture to its standard output. Fulfilled when it listens, with how to stop it.
 * `onDatagram({ source, sourcePort, destination, destinationPort, payload })`; the payload is a view, valid for the call.
 */
export async function tap([program, ...args], onDatagram) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let pending = Buffer.alloc(0);
  let skip = FILE_HEADER_BYTES;
  child.stdout.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (pending.length < skip) return;
    pending = pending.subarray(skip);
    skip = 0;
    while (pending.length >= RECORD_HEADER_BYTES) {
      const end = RECORD_HEADER_BYTES + pending.readUInt32LE(8);
      if (pending.length < end) return;
      const datagram = readFrame(pending.subarray(RECORD_HEADER_BYTES, end));
      pending = pending.subarray(end);
      if (datagram) onDatagram(datagram);
    }
  });
  await new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
      if (said.includes('listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`the tap: ${said}`)));
  });
  return () => child.kill('SIGTERM');
}

function readFrame(frame) {
  if (frame.length < ETHERNET_BYTES + 20 || frame.readUInt16BE(12) !== 0x0800) return undefined;
  const packet = frame.subarray(ETHERNET_BYTES);
  const headerBytes = (packet[0] & 15) * 4;
  if (packet[9] !== UDP || packet.length < headerBytes + 8) return undefined;
  const udp = packet.subarray(headerBytes);
  const addressAt = (offset) => packet.subarray(offset, offset + 4).join('.');
  return {
    source: addressAt(12),
    sourcePort: udp.readUInt16BE(0),
    destination: addressAt(16),
    destinationPort: udp.readUInt16BE(2),
    payload: udp.subarray(8, udp.readUInt16BE(4)),
  };
}
