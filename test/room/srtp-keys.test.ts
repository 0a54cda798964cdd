// Keys of SRTP that change at a re-INVITE (protocol.md 8.2.6), and reports at a switch (8.2.4), through a room.
import assert from 'node:assert/strict';
import { ClearPhone, KeyedRoom, LatchPhone, reportOf, SrtpPhone, type Phone } from './keyed-phones.js';

const CM_80 = 'AES_CM_128_HMAC_SHA1_80';
const GCM = 'AEAD_AES_256_GCM';

describe('SRTP in a room: keys that change', () => {
  let room: KeyedRoom;

  beforeEach(() => {
    room = new KeyedRoom();
  });
  afterEach(() => room.close());

  /** Where somebody is, its first packets tell. */
  function arrive(phones: readonly Phone[]): void {
    room.advance(100);
    for (const phone of phones) {
      phone.arrive();
      phone.report();
      room.advance(20);
    }
    for (const phone of phones) phone.heard.length = 0;
  }

  /**
   * All talk, `packets` each, and report with every fifth. `then` happens while what was said is under way: to the server, each second time
   * from the server.
   */
  function everybodyTalks(phones: readonly Phone[], packets: number, then: (at: number) => void): void {
    const expected = new Map<Phone, string[]>(phones.map((phone) => [phone, []]));
    const note = (from: Phone, what: string): void => {
      for (const [to, all] of expected) if (to !== from) all.push(what);
    };
    for (let at = 0; at < packets; at++) {
      for (const one of phones) {
        note(one, one.talk());
        if (at % 5 === 0) note(one, one.report());
      }
      if (at % 2 === 1) room.advanceHalfWay();
      then(at);
      room.advance(20);
    }
    for (const [{ heard, unreadable, options }, all] of expected) {
      assert.deepEqual(heard.splice(0).sort(), [...all].sort(), `what ${options.ssrc} heard`);
      assert.equal(unreadable, 0, `${options.ssrc}`);
    }
  }

  const newKeysEachTime = ({ ours, session: { protection, counters } }: SrtpPhone): void => {
    assert.equal(new Set(ours).size, ours.length, 'new keys of the peer are answered with a new one of ours');
    assert.deepEqual([protection, counters.dropped.srtpTag, counters.dropped.srtpKey], ['srtp', 0, 0]);
  };

  for (const hasRtcpPort of [false, true])
    it(`two phones with SRTP, suites too${hasRtcpPort ? ', RTCP on its own port' : ''}: nothing is lost`, () => {
      const one = new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1', hasRtcpPort });
      const other = new SrtpPhone(room, { ssrc: 22, address: '198.51.100.2', hasRtcpPort });
      arrive([one, other]);
      everybodyTalks([one, other], 90, (at) => {
        if (at === 10 || at === 15) one.negotiate();
        if (at === 20 || at === 25) other.negotiate();
        if (at === 30 || at === 35) one.negotiate(at === 30 ? GCM : CM_80);
        if (at === 40 || at === 45) for (const phone of [one, other]) phone.negotiate(GCM);
      });
      for (const phone of [one, other]) newKeysEachTime(phone);
    });

  it('a room with SRTP, latch and a phone in clear: nothing is lost, nothing goes out as it should not', () => {
    const keyed = new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1' });
    const latched = new LatchPhone(room, { ssrc: 22, address: '198.51.100.2' });
    const clear = new ClearPhone(room, { ssrc: 33, address: '198.51.100.3' });
    arrive([keyed, latched, clear]);
    assert.deepEqual(
      [keyed, latched, clear].map(({ session: { protection } }) => protection),
      ['srtp', 'direct', 'evidence'],
    );
    everybodyTalks([keyed, latched, clear], 90, (at) => {
      if (at === 10 || at === 25) keyed.negotiate();
      if (at === 40 || at === 55) keyed.negotiate(at === 40 ? GCM : CM_80);
    });
    newKeysEachTime(keyed);
  });

  it('the same description again changes no key of ours', () => {
    const one = new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1' });
    const other = new SrtpPhone(room, { ssrc: 22, address: '198.51.100.2' });
    arrive([one, other]);
    everybodyTalks([one, other], 20, (at) => {
      if (at === 10 || at === 15) one.repeat();
    });
    assert.equal(new Set(one.ours).size, 1);
  });
});

describe('SRTP in a room: reports at a switch', () => {
  let room: KeyedRoom;

  beforeEach(() => {
    room = new KeyedRoom();
  });
  afterEach(() => room.close());

  for (const hasRtcpPort of [false, true])
    it(`who has moved gets one of each stream at once${hasRtcpPort ? ', at its port for RTCP' : ''}`, () => {
      const one = new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1', hasRtcpPort, isHidden: true });
      const others = [22, 33].map((ssrc) => new ClearPhone(room, { ssrc, address: `198.51.100.${ssrc}` }));
      for (const other of others) {
        other.arrive();
        other.report();
      }
      room.advance(20);
      const reports = (): string[] => one.heard.splice(0).filter((what) => what.startsWith('report'));
      const talk = (): void => {
        one.talk();
        if (hasRtcpPort) one.report();
        room.advance(20);
      };
      const all = [reportOf(22), reportOf(33)];
      assert.deepEqual(reports(), []);
      talk();
      assert.deepEqual(reports(), all, 'at its first path');
      for (let at = 0; at < 20; at++) talk();
      assert.deepEqual(reports(), [], 'the others have said nothing more');
      one.rebind();
      for (let at = 0; at < 10; at++) talk();
      assert.deepEqual(reports(), all, 'at the switch');
    });

  it('who has left the room gets none', () => {
    const one = new SrtpPhone(room, { ssrc: 11, address: '198.51.100.1' });
    const other = new ClearPhone(room, { ssrc: 22, address: '198.51.100.22' });
    other.arrive();
    other.report();
    room.advance(20);
    room.rooms.close();
    one.talk();
    room.advance(20);
    assert.deepEqual(one.heard, []);
  });
});
