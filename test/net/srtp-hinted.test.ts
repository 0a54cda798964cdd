// SRTP from a source that the socket has one object for, as batched ones do: it goes to the application by a shorter way, on which nothing is
// taken that the longer one would not take, and each packet is counted once (protocol.md 8.2.1 to 8.2.3).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createLatchkey } from '../../lib/index.js';
import type { CountersSnapshot, DatagramSocket, MediaPort, Session } from '../../lib/index.js';
import { KnownSource } from '../../lib/net/known-source.js';
import type { DatagramReceiver } from '../../lib/net/datagram-socket.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { SrtpSender, srtpSuite } from '../../lib/srtp/index.js';

const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const HOME = '203.0.113.7';
const PORT = 10_000;

class FakeSocket implements DatagramSocket {
  readonly local = { address: '198.51.100.1', port: 5000 };
  receiver: DatagramReceiver | undefined;

  receive(receiver: DatagramReceiver | undefined): void {
    this.receiver = receiver;
  }

  send(): void {
    // Nobody looks at it.
  }

  flush(): void {
    // Nothing is kept.
  }

  close(): void {
    this.receiver?.onClose();
  }
}

/** A phone with SRTP, and our side of its call. */
class Call {
  readonly #socket = new FakeSocket();
  readonly session: Session;
  readonly port: MediaPort;
  readonly heard: number[] = [];
  readonly told: string[] = [];
  readonly source = new KnownSource(HOME, PORT);
  readonly #sender: SrtpSender;

  constructor(srtp: 'terminate' | 'pass' = 'terminate') {
    const suite = srtpSuite(SUITE);
    assert.ok(suite);
    const master = randomBytes(30);
    this.#sender = new SrtpSender(nodeSrtpCrypto, {
      ...{ suite, key: master.subarray(0, 16), salt: master.subarray(16) },
    });
    const sdp = (address: string, port: number, keys: string) =>
      [
        ...['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'],
        ...[`m=audio ${port} RTP/SAVP 0`, 'a=rtcp-mux', `a=crypto:1 ${SUITE} inline:${keys}`],
      ]
        .map((line) => `${line}\r\n`)
        .join('');
    this.session = createLatchkey().createSession({
      signalling: 'encrypted',
      ...(srtp === 'terminate' && { srtp }),
    });
    assert.ok(this.session.setRemote(sdp(HOME, PORT, master.toString('base64'))).accepted);
    this.port = this.session.bind(this.#socket);
    this.session.setLocal(sdp('198.51.100.1', 5000, randomBytes(30).toString('base64')));
    this.port.on('packet', (bytes) => this.heard.push(bytes.readUInt16BE(2)));
    for (const event of ['verified', 'conflict'] as const)
      this.session.on(event, () => this.told.push(event));
  }

  protect(sequence: number): Buffer {
    const packet = Buffer.alloc(172);
    packet[0] = 0x80;
    packet.writeUInt16BE(sequence, 2);
    packet.writeUInt32BE(0x9abc_def0, 8);
    const sealed = this.#sender.protectRtp(packet);
    assert.ok(typeof sealed !== 'string');
    return Buffer.from(sealed);
  }

  take(bytes: Buffer, source = this.source): void {
    this.#socket.receiver?.onBatch([{ bytes: Buffer.from(bytes), source }]);
  }

  get counters(): CountersSnapshot {
    return this.port.counters;
  }

  /** Until its source is known by. */
  begin(): void {
    for (let sequence = 0; sequence < 3; sequence++) this.take(this.protect(sequence));
    assert.deepEqual(this.heard, [0, 1, 2]);
    assert.ok(KnownSource.hintOf(this.source)?.judge, 'the next packet goes the shorter way');
  }
}

describe('net: SRTP from a source that is known', () => {
  it('8.2.1: goes to the application in clear, each packet once, and is counted', () => {
    const call = new Call();
    call.begin();
    const packet = call.protect(3);
    for (let i = 0; i < 3; i++) call.take(packet);
    assert.deepEqual(call.heard, [0, 1, 2, 3]);
    const { received, delivered, dropped } = call.counters;
    assert.deepEqual([received, delivered, dropped.srtpRepeated], [6, 4, 2]);
  });

  it('8.2.1: what is forged from its address is dropped, and counted once', () => {
    const call = new Call();
    call.begin();
    const forged = call.protect(3);
    forged[100]! ^= 1;
    call.take(forged);
    call.take(Buffer.from([0x80, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert.deepEqual(call.heard, [0, 1, 2]);
    assert.deepEqual([call.counters.received, call.counters.dropped.srtpTag], [5, 2]);
    forged[100]! ^= 1;
    call.take(forged);
    assert.deepEqual(call.heard, [0, 1, 2, 3]);
  });

  it('8.2.3: a packet from elsewhere makes a candidate, and meanwhile the longer way decides', () => {
    const call = new Call();
    call.begin();
    const elsewhere = new KnownSource('198.51.100.66', 6666);
    call.take(call.protect(4), elsewhere);
    assert.deepEqual(call.heard, [0, 1, 2]);
    // The path in use goes on: whoever is elsewhere copies.
    call.take(call.protect(5));
    assert.deepEqual(call.heard, [0, 1, 2, 5]);
    assert.deepEqual(
      call.told.filter((event) => event === 'conflict'),
      ['conflict'],
    );
    call.take(call.protect(6));
    assert.deepEqual(call.heard, [0, 1, 2, 5, 6]);
  });

  it('who only verifies hands it on as it came', () => {
    const call = new Call('pass');
    call.begin();
    const packet = call.protect(3);
    const seen: Buffer[] = [];
    call.port.on('packet', (bytes) => seen.push(bytes));
    call.take(packet);
    assert.deepEqual(seen, [packet]);
  });

  it('a call that is over takes nothing by the shorter way', () => {
    const call = new Call();
    call.begin();
    const packet = call.protect(3);
    call.session.close();
    assert.equal(KnownSource.hintOf(call.source)?.judge, undefined);
    call.take(packet);
    assert.deepEqual(call.heard, [0, 1, 2]);
  });
});
