// What the engine has to say comes out as it went in, and no burst is kept.
import assert from 'node:assert/strict';
import { OutputQueue } from '../../lib/core/output-queue.js';

describe('core: the queue of what the engine has to say', () => {
  it('gives in the order of coming, and then nothing', () => {
    const queue = new OutputQueue<number>();
    for (let burst = 1; burst <= 3000; burst += 700) {
      for (let i = 0; i < burst; i++) queue.push(i);
      for (let i = 0; i < burst; i++) assert.equal(queue.shift(), i);
      assert.equal(queue.shift(), undefined);
    }
  });

  it('keeps the order where it never runs empty', () => {
    const queue = new OutputQueue<number>();
    let [pushed, taken] = [0, 0];
    while (taken < 20_000) {
      for (let i = 0; i < 3; i++) queue.push(pushed++);
      while (pushed - taken > 2) assert.equal(queue.shift(), taken++);
    }
    assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], [taken, taken + 1, undefined]);
  });

  it('has as many places as it needs, not as many as have gone through it', () => {
    const queue = new OutputQueue<number>();
    queue.push(0);
    for (let i = 0; i < 20_000; i++) {
      queue.push(i);
      queue.shift();
      assert.ok(queue.places <= 2100, `${queue.places} places`);
    }
    for (let i = 0; i < 20_000; i++) queue.push(i);
    while (queue.shift() !== undefined);
    assert.ok(queue.places <= 1024, `${queue.places} places`);
  });
});
