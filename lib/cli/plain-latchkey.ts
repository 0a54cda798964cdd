// A latchkey for calls as a phone makes them that has never heard of latch: what `doctor` needs to see what a server does for such a phone.
import { createLatchkey } from '../index.js';
import type { Latchkey } from '../index.js';
import { stripLatch } from '../wire/index.js';

/** None of its descriptions has a line of latch. */
export function createPlainLatchkey(): Latchkey {
  const latchkey = createLatchkey();
  const createSession = latchkey.createSession.bind(latchkey);
  return Object.assign(latchkey, {
    createSession: (options: Parameters<typeof createSession>[0]) => {
      const session = createSession(options);
      const setLocal = session.setLocal.bind(session);
      return Object.assign(session, {
        setLocal: (...given: Parameters<typeof setLocal>) => stripLatch(setLocal(...given)),
      });
    },
  });
}
