// A key of ours that forks of one offer share: one sender, which lives as long as any of them could use it.
import assert from 'node:assert/strict';
import { Secret, srtpSuite, type SrtpKey } from '../../lib/core/index.js';
import { OwnSenders } from '../../lib/core/proof/own-senders.js';
import { nodeCrypto } from '../../lib/net/node-crypto.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import { makeRtp } from '../support/media.js';

function keyOf(fill: number, name = 'AEAD_AES_256_GCM'): SrtpKey {
  const suite = srtpSuite(name);
  assert.ok(suite);
  const keyAndSalt = new Uint8Array(suite.keySizeBytes + suite.saltSizeBytes).fill(fill);
  return { suite, keyAndSalt: new Secret(keyAndSalt) };
}
const rtp = (sequence: number): Uint8Array => makeRtp({ ssrc: 7, sequence, timestamp: 1 });
const senders = (): OwnSenders => new OwnSenders(nodeCrypto, nodeSrtpCrypto);

describe('senders under our keys', () => {
  it('forks have one of each key that was offered, whether it was in use or not, and their own of later ones', () => {
    const first = senders();
    const inUse = first.use(keyOf(1));
    const second = first.fork([keyOf(1), keyOf(2)]);
    const third = second.fork([keyOf(1), keyOf(2)]);
    assert.equal(second.use(keyOf(1)), inUse);
    assert.equal(third.use(keyOf(2)), first.use(keyOf(2)));
    assert.notEqual(second.use(keyOf(3)), first.use(keyOf(3)));
    assert.notEqual(first.use(keyOf(4)), first.use(keyOf(4, 'AEAD_AES_128_GCM')));
  });

  it('a sender is wiped when the last that could use it has left it or is gone, and no earlier', () => {
    const first = senders();
    const [second, third] = [1, 2].map(() => first.fork([keyOf(1)]));
    assert.ok(second && third);
    const sender = second.use(keyOf(1));
    assert.ok(sender.isShared);
    second.leave(sender);
    second.forget();
    first.forget();
    assert.equal(sender.isShared, false);
    assert.ok(typeof sender.protectRtp(rtp(1)) !== 'string');
    assert.equal(third.use(keyOf(1)), sender);
    third.forget();
    assert.equal(sender.protectRtp(rtp(2)), 'expired');
    assert.notEqual(third.use(keyOf(1)), sender);
  });

  it('one that no fork has is wiped as soon as it is left', () => {
    const first = senders();
    const second = first.fork([keyOf(1)]);
    const later = second.use(keyOf(2));
    second.leave(later);
    assert.equal(later.protectRtp(rtp(1)), 'expired');
  });
});
