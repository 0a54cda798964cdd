// What becomes of a listener that fails, sync or async: told by the event for it, or else an uncaught exception, and never both or neither.
import assert from 'node:assert/strict';
import { createLatchkey, SteadyEmitter } from '../../lib/index.js';

interface Events {
  news: [text: string];
  fault: [error: unknown];
}

class Teller extends SteadyEmitter<Events> {
  constructor() {
    super('fault');
  }

  say(text: string): boolean {
    return this.tell('news', text);
  }

  protected override tellFailure(error: unknown): boolean {
    return this.tell('fault', error);
  }
}

const bug = () => {
  throw new Error('a bug of the application');
};
const WAYS = {
  throws: bug,
  rejects: async () => (await Promise.resolve(), bug()),
} as unknown as Readonly<Record<string, () => void>>;

/** Uncaught exceptions while this runs, and for some turns after it. */
async function uncaughtIn(run: () => void): Promise<string[]> {
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught: string[] = [];
  const note = (error: Error) => void uncaught.push(error.message);
  process.on('uncaughtException', note);
  try {
    run();
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  } finally {
    process.off('uncaughtException', note);
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return uncaught;
}

describe('net: a listener that fails', () => {
  for (const [how, fail] of Object.entries(WAYS)) {
    it(`${how}: is told once, and who emits goes on`, async () => {
      const teller = new Teller();
      const faults: unknown[] = [];
      teller.on('fault', (error) => faults.push(error));
      teller.on('news', fail);
      assert.deepEqual(await uncaughtIn(() => assert.equal(teller.say('x'), true)), []);
      assert.match(String(faults), /^Error: a bug of the application$/);
    });

    it(`${how}: unheard, it is an uncaught exception`, async () => {
      const teller = new Teller();
      teller.on('news', fail);
      assert.deepEqual(await uncaughtIn(() => void teller.say('x')), ['a bug of the application']);
    });

    it(`${how}: so is a listener's that was told of the failure of another`, async () => {
      const teller = new Teller();
      let told = 0;
      teller.on('news', bug);
      teller.on('fault', () => told++);
      teller.on('fault', fail);
      assert.deepEqual(await uncaughtIn(() => void teller.say('x')), ['a bug of the application']);
      assert.equal(told, 1);
    });

    it(`${how}: a listener of a latchkey's listenerError, too, and is not asked again`, async () => {
      const latchkey = createLatchkey();
      const session = latchkey.createSession({ signalling: 'encrypted' });
      let told = 0;
      session.on('rejected', bug);
      latchkey.on('listenerError', () => told++);
      latchkey.on('listenerError', fail);
      const uncaught = await uncaughtIn(() => void session.setRemote(undefined));
      assert.deepEqual(uncaught, ['a bug of the application']);
      assert.equal(told, 1);
      latchkey.close();
    });
  }
});

describe('net: an emitter keeps no table of listeners while there are none', () => {
  it('names of methods of all objects are no events', () => {
    const teller = new Teller();
    const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty'] as unknown as readonly 'news'[];
    for (const name of names) {
      assert.equal(teller.listenerCount(name), 0);
      assert.equal(teller.emit(name, 'x'), false);
      const heard: unknown[] = [];
      const listener = (text: unknown) => heard.push(text);
      teller.on(name, listener);
      teller.emit(name, 'x');
      teller.off(name, listener);
      teller.emit(name, 'y');
      assert.deepEqual(heard, ['x']);
    }
  });

  it('tells each listener as node:events does, whichever way it came and went', () => {
    const teller = new Teller();
    const heard: string[] = [];
    const late = (text: string) => heard.push(`late ${text}`);
    teller.once('news', (text) => heard.push(`once ${text}`));
    teller.addListener('news', late);
    teller.prependListener('news', (text) => {
      heard.push(`first ${text}`);
      teller.removeAllListeners('news');
    });
    teller.say('a');
    assert.deepEqual(heard.splice(0), ['first a', 'once a', 'late a']);
    assert.equal(teller.say('b'), false);
    assert.deepEqual(teller.eventNames(), []);
    teller.once('news', late);
    teller.say('c');
    teller.say('d');
    assert.deepEqual(heard.splice(0), ['late c']);
    teller.on('news', late).removeListener('news', late);
    teller.on('news', late);
    teller.say('e');
    assert.deepEqual(heard, ['late e']);
  });
});
