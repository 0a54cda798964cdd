// The ICE of the scripted phones: its checks, when they repeat, and what it answers. Both ends read by test/support/ice-phone.ts.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { IceTalk } from './ice-talk.js';

const OWN = { ufrag: 'ownUFRG', pwd: 'ownPasswordOf24Characters' };
const PEER = { ufrag: 'peerUFRG', pwd: 'peerPasswordOf24Characters' };
const SERVER = { address: '203.0.113.1', port: 40_000 };

describe('the ICE of a scripted phone', () => {
  let clock: sinon.SinonFakeTimers;
  let sent: Buffer[];
  let connected: number;
  let talk: IceTalk;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout'] });
    [sent, connected] = [[], 0];
    talk = new IceTalk(OWN, (bytes) => void sent.push(Buffer.from(bytes)));
  });

  afterEach(() => clock.restore());

  /** The server's answer to the last check. */
  function answered(password = PEER.pwd): Buffer {
    const check = readServerCheck(sent.at(-1)!, PEER.pwd);
    assert.ok(check, 'it is a check, made with the password of the other side');
    return new IcePhone('').answer(check, SERVER, password);
  }

  it('checks every 50 ms until it is answered, talks once, and checks for consent after 4 to 6 s', () => {
    talk.start(SERVER, PEER, 'controlling', () => connected++);
    clock.tick(100);
    assert.equal(sent.length, 3);
    assert.equal(connected, 0);
    assert.equal(readServerCheck(sent[0]!, PEER.pwd)?.username, `${PEER.ufrag}:${OWN.ufrag}`);
    talk.handle(answered(), SERVER);
    talk.handle(answered(), SERVER);
    assert.equal(connected, 1);
    clock.tick(50);
    assert.equal(sent.length, 4, 'one more was on its way');
    clock.tick(3900);
    assert.equal(sent.length, 4);
    clock.tick(2200);
    assert.equal(sent.length, 5);
  });

  it('is told of its role, and nominates only where it controls', () => {
    for (const role of ['controlling', 'controlled'] as const) {
      talk.start(SERVER, PEER, role, () => undefined);
      assert.equal(readServerCheck(sent.at(-1)!, PEER.pwd)?.isControlled, role === 'controlled');
      assert.equal(sent.at(-1)!.includes(Buffer.of(0, 0x25, 0, 0)), role === 'controlling');
    }
  });

  it('answers checks of its peer before it begins, and of nobody else', () => {
    const server = new IcePhone('server');
    const check = (password: string) => server.check({ username: `${OWN.ufrag}:server`, password });
    talk.handle(check('not its password, 24 long'), SERVER);
    assert.equal(sent.length, 0);
    talk.handle(check(OWN.pwd), SERVER);
    assert.equal(sent[0]?.readUInt16BE(0), 0x0101);
  });

  it('an answer to a check that it never sent connects nothing', () => {
    talk.start(SERVER, PEER, 'controlling', () => connected++);
    const other = readServerCheck(new IcePhone('x').check({ password: PEER.pwd }), PEER.pwd)!;
    talk.handle(new IcePhone('').answer(other, SERVER, PEER.pwd), SERVER);
    talk.handle(Buffer.alloc(3), SERVER);
    assert.equal(connected, 0);
  });
});
