// Protocol 8.3.6 and 8.3.8, the signalling's part: who is lent ports, what the session is told, and when they are given back. The session, the
// re-INVITEs and time are the test's.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import sinon from 'sinon';
import type { QuestionOutcome } from '../../lib/index.js';
import { PortQuestion } from '../../lib/sip/port-question.js';
import type { LentPorts, PortSession, ReofferOutcome, ToldPorts } from '../../lib/sip/port-question.js';
import { MemoryNetwork } from '../net/memory-network.js';

const ADDRESS = '203.0.113.1';

class FakeSession extends EventEmitter {
  isClosed = false;
  portsWanted: readonly number[] = [];
  readonly listened: string[] = [];
  readonly told: string[] = [];
  refusesToListen = false;

  listen(media: number, { rtp }: LentPorts): void {
    if (this.refusesToListen) throw new Error('the stream has two sockets');
    this.listened.push(`${media}:${portOf(rtp)}`);
  }

  asked(outcome: QuestionOutcome, media?: number): void {
    assert.ok(!this.isClosed, 'a closed session is told nothing');
    this.told.push(`${outcome} ${media}`);
  }

  ask(media = 0): void {
    this.emit('question', { type: 'question', media });
  }

  release(port: number, component = 1): void {
    this.emit('released', {
      type: 'released',
      media: 0,
      component,
      local: { address: ADDRESS, port },
    });
  }

  close(): void {
    this.isClosed = true;
    this.emit('closed', { type: 'closed' });
  }
}

function portOf(socket: LentPorts['rtp']): number {
  return 'local' in socket ? (socket.local?.port ?? 0) : 0;
}

class Stand {
  readonly session = new FakeSession();
  readonly network = new MemoryNetwork();
  readonly lent: number[] = [];
  readonly released: number[] = [];
  readonly faults: unknown[] = [];
  /** What each re-INVITE has told, by the index of its section. */
  readonly offers: string[] = [];
  readonly answers: ((outcome: ReofferOutcome) => void)[] = [];
  readonly question: PortQuestion;
  ports: () => Promise<LentPorts | undefined> = () => Promise.resolve(this.lend());

  constructor(isOutgoing = false) {
    this.question = new PortQuestion({
      session: this.session as unknown as PortSession,
      ports: () => this.ports(),
      isOutgoing,
      reoffer: (told) => {
        this.offers.push(textOf(told));
        return new Promise((resolve) => this.answers.push(resolve));
      },
      onFault: (error) => this.faults.push(error),
    });
  }

  lend(): LentPorts {
    const port = 40_000 + 2 * this.lent.length;
    this.lent.push(port);
    return {
      rtp: this.network.open(ADDRESS, port),
      rtcp: this.network.open(ADDRESS, port + 1),
      release: () => this.released.push(port),
    };
  }

  get told(): string {
    return textOf(this.question.toldIn('offer'));
  }

  get toldInAnswer(): string {
    return textOf(this.question.toldIn('answer'));
  }

  answer(outcome: ReofferOutcome): void {
    const resolve = this.answers.shift();
    assert.ok(resolve, 'nothing was offered');
    resolve(outcome);
  }
}

function textOf(told: ToldPorts): string {
  return [...told].map(([media, { rtp }]) => `${media}:${portOf(rtp)}`).join(' ');
}

describe('8.3.6: the port question, as the signalling puts it', () => {
  let clock: sinon.SinonFakeTimers;
  let stand: Stand;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    stand = new Stand();
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  const settle = () => clock.tickAsync(0);

  it('8.3.6: a port is lent, listened at and offered, in this order; who answers is told of it from then on', async () => {
    stand.session.ask();
    await settle();
    assert.deepEqual(
      [stand.session.listened, stand.offers, stand.session.told],
      [['0:40000'], ['0:40000'], []],
    );
    assert.equal(stand.told, '', 'until it is answered the first ports are told');
    stand.answer('answered');
    await settle();
    assert.deepEqual([stand.session.told, stand.told, stand.released], [['answered 0'], '0:40000', []]);
    assert.deepEqual(stand.faults, []);
  });

  it('8.3.6: a refusal leaves all as it was, and the port goes back when the session says that it listens there no more', async () => {
    stand.session.ask();
    await settle();
    stand.answer('refused');
    await settle();
    assert.deepEqual([stand.session.told, stand.told, stand.released], [['refused 0'], '', []]);
    stand.session.release(40_001, 2);
    assert.deepEqual(stand.released, [], 'of a pair the RTP counts');
    stand.session.release(40_000);
    stand.session.release(40_000);
    stand.session.close();
    assert.deepEqual(stand.released, [40_000], 'once');
  });

  it('8.3.6: the first port is the application’s, a lent one goes back after the next has taken its place', async () => {
    for (const told of ['0:40000', '0:40002']) {
      stand.session.ask();
      await settle();
      stand.answer('answered');
      await settle();
      assert.equal(stand.told, told);
    }
    stand.session.release(5004);
    assert.deepEqual(stand.released, [], 'that is not a lent one');
    stand.session.release(40_000);
    assert.deepEqual([stand.released, stand.told], [[40_000], '0:40002']);
    await settle();
    assert.equal(stand.offers.length, 2);
  });

  for (const [isOutgoing, leastMs, mostMs] of [
    [true, 2100, 4000],
    [false, 0, 2000],
  ] as const)
    it(`8.3.6: after a 491 it asks again with the same port, ${leastMs} to ${mostMs} ms later where the call is ${isOutgoing ? 'ours' : 'theirs'} (RFC 3261 14.1)`, async () => {
      stand = new Stand(isOutgoing);
      stand.session.ask();
      await settle();
      stand.answer('pending');
      if (leastMs > 0) await clock.tickAsync(leastMs - 1);
      else await settle();
      assert.deepEqual(stand.session.told, ['pending 0']);
      if (isOutgoing) assert.equal(stand.offers.length, 1);
      await clock.tickAsync(mostMs - Math.max(0, leastMs - 1));
      assert.deepEqual([stand.offers, stand.lent], [['0:40000', '0:40000'], [40_000]]);
      stand.answer('answered');
      await settle();
      assert.deepEqual(stand.session.told, ['pending 0', 'answered 0']);
    });

  it('8.3.6: who says 491 for ever has refused', async () => {
    stand.session.ask();
    for (let at = 0; at < 4; at++) {
      await clock.tickAsync(2000);
      stand.answer('pending');
    }
    await clock.tickAsync(60_000);
    assert.equal(stand.offers.length, 4);
    assert.deepEqual(stand.session.told, ['pending 0', 'pending 0', 'pending 0', 'refused 0']);
  });

  it('8.3.6: a port that the session gives up while a 491 is waited for is not offered again', async () => {
    stand.session.ask();
    await settle();
    stand.answer('pending');
    await settle();
    stand.session.release(40_000);
    await clock.tickAsync(60_000);
    assert.deepEqual([stand.offers.length, stand.released], [1, [40_000]]);
  });

  it('8.3.6: transports that ask at once are asked about in one offer, and a question meanwhile waits for its turn', async () => {
    stand.session.ask(0);
    stand.session.ask(2);
    await settle();
    assert.deepEqual(stand.offers, ['0:40000 2:40002']);
    stand.session.ask(1);
    await settle();
    assert.equal(stand.offers.length, 1);
    stand.answer('answered');
    await settle();
    assert.deepEqual(stand.offers[1], '0:40000 2:40002 1:40004');
    assert.deepEqual(stand.session.told, ['answered 0', 'answered 2']);
  });

  it('8.3.6: where no port can be had the session is told at once, and nobody is asked', async () => {
    stand.ports = () => Promise.resolve(undefined);
    stand.session.ask();
    await settle();
    stand.ports = () => Promise.reject(new Error('none'));
    stand.session.ask();
    await settle();
    stand.ports = () => {
      throw new Error('none at all');
    };
    stand.session.ask();
    await settle();
    assert.deepEqual(stand.session.told, ['refused 0', 'refused 0', 'refused 0']);
    assert.deepEqual(
      stand.faults.map((error) => (error as Error).message),
      ['none', 'none at all'],
    );
    assert.equal(stand.offers.length, 0);
  });

  it('8.3.6: a port at which the session cannot listen goes back', async () => {
    stand.session.refusesToListen = true;
    stand.session.ask();
    await settle();
    assert.deepEqual([stand.session.told, stand.released, stand.offers], [['refused 0'], [40_000], []]);
    assert.equal(stand.faults.length, 1);
  });

  for (const moment of ['lending', 'offering', 'waiting after a 491', 'answered'] as const)
    it(`8.3.6: a session that closes while it is ${moment} gives all back, once, and is told nothing more`, async () => {
      let give: () => void = () => undefined;
      if (moment === 'lending')
        stand.ports = () => new Promise((resolve) => (give = () => resolve(stand.lend())));
      stand.session.ask();
      await settle();
      if (moment === 'waiting after a 491') stand.answer('pending');
      if (moment === 'answered') stand.answer('answered');
      if (moment !== 'offering') await settle();
      const before = stand.session.told.length;
      stand.session.close();
      give();
      if (moment === 'offering') stand.answer('answered');
      await clock.tickAsync(60_000);
      assert.deepEqual([stand.released, stand.session.told.length], [[40_000], before]);
      assert.ok(stand.offers.length <= 1);
      assert.equal(clock.countTimers(), 0);
    });

  it('8.3.6: an answer so late that its port is gone is followed by an offer of the ports before', async () => {
    stand.session.ask();
    await settle();
    stand.session.release(40_000);
    stand.answer('answered');
    await settle();
    assert.deepEqual([stand.offers, stand.told], [['0:40000', ''], '']);
    stand.answer('refused');
    await clock.tickAsync(60_000);
    assert.equal(stand.offers.length, 2, 'once');
    assert.deepEqual(stand.session.told, [], 'it has given up that question');
  });

  it('8.3.6: what becomes of a question that the session has given up is not told as that of the next', async () => {
    stand.session.ask();
    await settle();
    stand.session.release(40_000);
    stand.session.ask();
    stand.answer('unanswered');
    await settle();
    assert.deepEqual([stand.offers, stand.session.told], [['0:40000', '0:40002'], []]);
    stand.answer('answered');
    await settle();
    assert.deepEqual([stand.session.told, stand.told], [['answered 0'], '0:40002']);
  });

  it('8.3.6: a peer that takes an offer which was withdrawn is offered anew what holds', async () => {
    stand.session.ask();
    await settle();
    stand.answer('withdrawn');
    await settle();
    assert.deepEqual([stand.offers, stand.session.told, stand.told], [['0:40000', ''], ['unanswered 0'], '']);
    stand.answer('answered');
    await clock.tickAsync(60_000);
    assert.equal(stand.offers.length, 2, 'once');
  });

  it('8.3.6: an owner of ports that throws when one comes back keeps nobody from the others', async () => {
    stand.ports = () =>
      Promise.resolve({
        ...stand.lend(),
        release: () => {
          throw new Error('twice?');
        },
      });
    stand.session.ask(0);
    stand.session.ask(1);
    await settle();
    stand.session.close();
    assert.equal(stand.faults.length, 2);
  });

  it('8.3.8: where the answer is to tell another port one is had before it is made, and told in it and from then on', async () => {
    stand.session.portsWanted = [0];
    const prepared = stand.question.prepareAnswer();
    assert.ok(prepared);
    await prepared;
    assert.deepEqual([stand.session.listened, stand.told, stand.toldInAnswer], [['0:40000'], '', '0:40000']);
    stand.question.noteAnswered();
    assert.equal(stand.told, '0:40000');
    assert.deepEqual([stand.session.told, stand.offers], [[], []], 'there is no question then');
    assert.equal(clock.countTimers(), 0);
  });

  it('8.3.8: where it is not, nothing is waited for', () => {
    assert.equal(stand.question.prepareAnswer(), undefined);
    assert.equal(stand.lent.length, 0);
  });

  it('8.3.8: an answer that was not made leaves its port for the next', async () => {
    stand.session.portsWanted = [0];
    await stand.question.prepareAnswer();
    stand.session.portsWanted = [];
    assert.equal(stand.question.prepareAnswer(), undefined);
    assert.equal(stand.toldInAnswer, '');
    stand.session.ask();
    await settle();
    assert.deepEqual([stand.lent, stand.offers], [[40_000], ['0:40000']]);
  });

  it('8.3.8: half a second is waited for a port; what comes later goes back', async () => {
    let give: () => void = () => undefined;
    stand.ports = () => new Promise((resolve) => (give = () => resolve(stand.lend())));
    stand.session.portsWanted = [0];
    let isReady = false;
    void stand.question.prepareAnswer()?.then(() => (isReady = true));
    await clock.tickAsync(499);
    assert.equal(isReady, false);
    await clock.tickAsync(1);
    assert.equal(isReady, true);
    give();
    await settle();
    assert.deepEqual([stand.toldInAnswer, stand.released, stand.session.listened], ['', [40_000], []]);
  });

  it('8.3.8: a question that waits settles it: the answer tells the ports before', async () => {
    stand.session.ask();
    await settle();
    stand.answer('pending');
    await settle();
    stand.session.portsWanted = [0];
    assert.equal(stand.question.prepareAnswer(), undefined);
    assert.equal(stand.toldInAnswer, '');
  });
});
