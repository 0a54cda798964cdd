// A call of the server's own that two phones with SRTP answer, in a room: our keys are the same for both (protocol.md 8.2.6).
import assert from 'node:assert/strict';
import { srtpSuite } from '../../lib/core/index.js';
import type { MediaPort, Session } from '../../lib/index.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { acceptAnswer, createOffer, type Leg } from '../../lib/room/index.js';
import { SrtpReceiver, SrtpSender, type MasterKey } from '../../lib/srtp/index.js';
import { classifyPacket, parseSdp } from '../../lib/wire/index.js';
import type { MemorySocket } from '../net/memory-network.js';
import { makeRtp } from '../support/media.js';
import { cryptoLine } from '../support/sdes-offers.js';
import { KeyedRoom, SrtpPhone } from './keyed-phones.js';

const SUITE = srtpSuite('AEAD_AES_256_GCM')!;

function masterOf(keyAndSalt: Uint8Array): MasterKey {
  const salt = Uint8Array.from(keyAndSalt.subarray(SUITE.keySizeBytes));
  return { suite: SUITE, key: Uint8Array.from(keyAndSalt.subarray(0, SUITE.keySizeBytes)), salt };
}

interface Call {
  readonly session: Session;
  readonly rtp: MediaPort;
}

/** Answers with one codec, and speaks so that it is found. */
class Callee {
  readonly heard: string[] = [];
  reports = 0;
  readonly leg: Leg;

  constructor(room: KeyedRoom, { session, rtp }: Call, offer: string, fill: number, format: string) {
    const address = `198.51.100.${fill}`;
    const [socket] = room.lend(address);
    const [section] = sectionsOf(offer);
    const own = new Uint8Array(SUITE.keySizeBytes + SUITE.saltSizeBytes).fill(fill);
    const line = cryptoLine(1, SUITE, fill);
    const answer = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0']
      .concat(`m=audio ${socket.local?.port} RTP/SAVP ${format.slice(0, format.indexOf(' '))}`)
      .concat(`a=rtpmap:${format}`, 'a=rtcp-mux', line, '')
      .join('\r\n');
    session.peer({ address, transport: 'tls' });
    assert.ok(session.setRemote(answer).accepted);
    const accepted = acceptAnswer(offer, answer, undefined, 'require');
    assert.ok(accepted.ok);
    const { stream } = accepted;
    this.leg = room.rooms.join('keys', {
      call: session.call,
      streams: [{ stream, rtp, rtcp: undefined }],
    });
    const ours = section?.cryptos.find(({ suite }) => suite === SUITE.name)?.keys[0];
    const receiver = new SrtpReceiver(nodeSrtpCrypto, masterOf(ours?.keyAndSalt ?? own), { decrypts: true });
    socket.receive({
      onBatch: (batch) => batch.forEach(({ bytes }) => this.#hear(bytes, receiver)),
      onClose: () => undefined,
      onError: () => undefined,
    });
    const voice = new SrtpSender(nodeSrtpCrypto, masterOf(own)).protectRtp(
      makeRtp({ ssrc: fill, sequence: 1, timestamp: 1 }),
    );
    assert.ok(typeof voice !== 'string');
    socket.send(voice, section?.port ?? 0, '203.0.113.1', () => undefined);
    socket.flush();
  }

  #hear(bytes: Uint8Array, receiver: SrtpReceiver): void {
    const isRtp = classifyPacket(bytes) === 'rtp';
    const tagged = isRtp ? receiver.checkRtp(bytes, 0) : receiver.checkRtcp(bytes);
    assert.ok(typeof tagged !== 'string' && tagged.clear && receiver.accept(tagged, 0), 'ours, and new');
    if (isRtp) this.heard.push(`${tagged.clear[1]! & 0x7f} ${tagged.index}`);
    else this.reports++;
  }
}

function sectionsOf(sdp: string) {
  const parsed = parseSdp(sdp);
  assert.ok(parsed.ok);
  return parsed.value.media;
}

describe('SRTP in a room: forks of a call of ours', () => {
  let room: KeyedRoom;

  beforeEach(() => {
    room = new KeyedRoom();
  });
  afterEach(() => room.close());

  /** Both are early; somebody else is in the room already. */
  function twoForks(formats: readonly [string, string]) {
    const caller = new SrtpPhone(room, { ssrc: 0x1234, address: '198.51.100.1' });
    const [socket]: readonly MemorySocket[] = room.lend();
    assert.ok(socket);
    const first = room.server.createSession({ signalling: 'encrypted', srtp: 'terminate' });
    const text = createOffer({
      ...{
        address: '203.0.113.1',
        rtpPort: socket.local?.port ?? 0,
        preference: room.rooms.preference('keys'),
      },
      ...{ srtp: 'require', rtcpMux: true },
    });
    const offer = first.setLocal(text);
    const calls = [first, first.fork()].map((session) => ({ session, rtp: session.bind(socket) }));
    const [one, other] = calls;
    assert.ok(one && other);
    const callees = [
      new Callee(room, one, offer, 10, formats[0]),
      new Callee(room, other, offer, 20, formats[1]),
    ] as const;
    room.advance(100);
    for (const callee of callees) callee.heard.length = 0;
    const talk = (packets: number): void => {
      for (let at = 0; at < packets; at++) {
        caller.talk();
        if (at % 5 === 0) caller.report();
        room.advance(20);
      }
    };
    return { sessions: [one.session, other.session] as const, callees, talk };
  }

  it('both hear the same packets and reports, no number twice, and who stays loses none', () => {
    const { sessions, callees, talk } = twoForks(['0 PCMU/8000', '0 PCMU/8000']);
    talk(50);
    const [one, other] = callees;
    assert.equal(one.heard.length, 50);
    assert.deepEqual(other.heard, one.heard);
    assert.ok(one.reports >= 10 && other.reports >= 10, `${one.reports} and ${other.reports} reports`);
    one.leg.leave();
    sessions[0].close();
    talk(50);
    assert.equal(other.heard.length, 100);
    for (const { counters } of sessions) assert.equal(counters.dropped.srtpSend, 0);
  });

  it('under another number for the codec the second hears nothing, until the first has ended', () => {
    const { sessions, callees, talk } = twoForks(['0 PCMU/8000', '96 PCMU/8000']);
    talk(10);
    const [one, other] = callees;
    assert.deepEqual([one.heard.length, other.heard.length], [10, 0]);
    assert.ok(other.reports > 0);
    assert.equal(sessions[1].counters.dropped.srtpSend, 10);
    one.leg.leave();
    sessions[0].close();
    talk(10);
    assert.equal(other.heard.length, 10);
    assert.ok(other.heard.every((packet) => packet.startsWith('96 ')));
  });
});
