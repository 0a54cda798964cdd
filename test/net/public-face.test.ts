// What an application is shown: interfaces without a member of ours in them, and counters that it cannot change.
import assert from 'node:assert/strict';
import type { Guard, Latchkey, MediaPort, Session } from '../../lib/index.js';
import { FakeWorld } from './fake-engine.js';
import { Sockets } from './sockets.js';

/** The members that a type adds to an event emitter. */
type Members<T> = Exclude<keyof T, keyof NodeJS.EventEmitter>;
/** Those of them that are not named here: `never`, or the list of nothing below does not compile. */
type Missing<T, Names> = Exclude<Members<T>, Names>;

describe('net: public face', () => {
  const sockets = new Sockets();
  let world: FakeWorld;

  beforeEach(() => {
    world = new FakeWorld();
  });

  afterEach(async () => {
    world.latchkey.close();
    await sockets.closeAll();
  });

  it('shows no member that is not for the application', () => {
    type PortNames =
      'media' | 'component' | 'local' | 'counters' | 'isClosed' | 'isKeyless' | 'send' | 'rebind' | 'close';
    type GuardNames = 'media' | 'component' | 'socket' | 'counters' | 'unguard';
    const inner: Readonly<Record<string, readonly never[]>> = {
      latchkey: [] as Missing<
        Latchkey,
        | ('sessions' | 'counters' | 'sdpLimits' | 'createSession' | 'createSocket' | 'close')
        | ('keyFetches' | 'missingKeys' | 'fetchKeys' | 'canary')
      >[],
      session: [] as Extract<keyof Session, 'onEnd'>[],
      port: [] as Missing<MediaPort, PortNames>[],
      guard: [] as Missing<Guard, GuardNames>[],
    };
    assert.deepEqual(Object.values(inner).flat(), []);
  });

  it('counters are copies that nobody can change', async () => {
    const { session, core } = world.call();
    const port = session.bind(await sockets.bound());
    core.counters.received = 3;
    core.counters.dropped.unverified = 2;
    const before = port.counters;
    core.counters.received = 4;
    core.counters.dropped.unverified = 5;
    assert.deepEqual([before.received, before.dropped.unverified], [3, 2]);
    for (const counters of [port.counters, session.counters, world.latchkey.counters]) {
      assert.throws(() => Object.assign(counters, { received: 0 }), TypeError);
      assert.throws(() => Object.assign(counters.dropped, { unverified: 0 }), TypeError);
    }
    assert.deepEqual([core.counters.received, core.counters.dropped.unverified], [4, 5]);
  });
});
