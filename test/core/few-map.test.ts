// The small map against `Map`: the same operations give the same answers and the same order.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FewMap } from '../../lib/core/few-map.js';

const operation = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.integer({ min: 0, max: 5 }), value: fc.integer() }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.integer({ min: 0, max: 5 }) }),
);

describe('core: a map of few entries', () => {
  it('holds what a Map holds, in its order', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const [few, map] = [new FewMap<number, number>(), new Map<number, number>()];
        for (const one of operations) {
          if (one.kind === 'set') {
            few.set(one.key, one.value);
            map.set(one.key, one.value);
          } else assert.equal(few.delete(one.key), map.delete(one.key));
          assert.deepEqual([...few], [...map]);
          assert.deepEqual([...few.keys()], [...map.keys()]);
          assert.deepEqual([...few.values()], [...map.values()]);
          assert.equal(few.size, map.size);
          for (let key = 0; key <= 5; key++) {
            assert.equal(few.get(key), map.get(key));
            assert.equal(few.has(key), map.has(key));
          }
        }
      }),
    );
  });

  it('a value may be undefined, and its key is there all the same', () => {
    const few = new FewMap<string, undefined>();
    few.set('a', undefined);
    assert.equal(few.has('a'), true);
    assert.equal(few.size, 1);
  });

  it('what is deleted while it is gone through changes nothing for who goes through it', () => {
    const few = new FewMap<string, number>();
    few.set('a', 1);
    few.set('b', 2);
    const seen: string[] = [];
    for (const [key] of few) {
      seen.push(key);
      for (const every of ['a', 'b']) few.delete(every);
    }
    assert.deepEqual(seen, ['a', 'b']);
  });
});
