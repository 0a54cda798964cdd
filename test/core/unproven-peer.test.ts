// What may go to an address that nothing has proven (protocol.md 5.1, 7, P11).
import assert from 'node:assert/strict';
import { maySendUnproven } from '../../lib/core/path/unproven-peer.js';

const SHOWN = { isHeld: true, isUnconfirmed: false, isShown: true, receivedBytes: 0, sentBytes: 0 };

describe('what may go to a peer that proves nothing', () => {
  it('all, where it is known to receive there; else three times what came', () => {
    assert.equal(maySendUnproven(SHOWN, 172), true);
    const heard = { ...SHOWN, isShown: false, receivedBytes: 100, sentBytes: 0 };
    assert.equal(maySendUnproven(heard, 300), true);
    assert.equal(maySendUnproven(heard, 301), false);
  });

  it('rule 5.1: nothing while another session has the better claim to the address', () => {
    assert.equal(maySendUnproven({ ...SHOWN, isHeld: false }, 172), false);
  });

  it('nothing before the dialog is confirmed', () => {
    assert.equal(maySendUnproven({ ...SHOWN, isUnconfirmed: true }, 172), false);
  });
});
