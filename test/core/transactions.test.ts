// Who waits for which transaction: found by all of its twelve bytes.
import assert from 'node:assert/strict';
import { Transactions } from '../../lib/core/route/transactions.js';

/** Twelve bytes that begin with this one, and end as they are told. */
function transaction(first: number, last = 0xff): Uint8Array {
  return Uint8Array.of(first, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 1);
}

describe('core: transactions of a socket', () => {
  it('are found by their bytes, until they are removed', () => {
    const transactions = new Transactions<string>();
    transactions.add(transaction(1), 'one');
    assert.equal(transactions.find(transaction(1)), 'one');
    assert.equal(transactions.find(transaction(1, 0xfe)), undefined);
    transactions.remove(transaction(1));
    assert.equal(transactions.find(transaction(1)), undefined);
    assert.equal(transactions.size, 0);
  });

  it('that end alike are told apart, and each is removed alone', () => {
    for (const removed of [1, 2, 3]) {
      const transactions = new Transactions<number>();
      for (const first of [1, 2, 3]) transactions.add(transaction(first), first);
      assert.equal(transactions.find(transaction(4)), undefined);
      transactions.remove(transaction(4));
      transactions.remove(transaction(removed));
      for (const first of [1, 2, 3])
        assert.equal(transactions.find(transaction(first)), first === removed ? undefined : first);
      for (const first of [1, 2, 3]) transactions.remove(transaction(first));
      assert.equal(transactions.size, 0);
    }
  });

  it('belong to who named them last', () => {
    const transactions = new Transactions<string>();
    transactions.add(transaction(1), 'before');
    transactions.add(transaction(1), 'after');
    assert.equal(transactions.find(transaction(1)), 'after');
    transactions.remove(transaction(1));
    assert.equal(transactions.find(transaction(1)), undefined);
  });
});
