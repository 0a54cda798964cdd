// protocol.md 8.2.4 for a phone without a key: what its reports repeat shows that somebody receives there.
import assert from 'node:assert/strict';
import { EvidenceBench, HOME, STRANGER } from '../support/evidence-bench.js';
import { makeSenderReport } from '../support/media.js';

/** A receiver report of the phone about our stream, that repeats the middle of this NTP time. */
function receiverReport(reporter: number, about: number, middle: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  bytes.set([0x81, 201, 0, 7]);
  view.setUint32(4, reporter);
  view.setUint32(8, about);
  view.setUint32(24, middle);
  return bytes;
}

describe('rule 8.2.4 for phones without a key', () => {
  /** Elsewhere than its signalling, so that nobody is known to receive there. */
  const locked = () => {
    const call = new EvidenceBench({ ssrcs: [0x1234] });
    call.talk(10, STRANGER);
    assert.deepEqual(call.locked, STRANGER);
    return call;
  };
  const sealed = (call: EvidenceBench) => {
    const bytes = call.component.seal(makeSenderReport(0x5555, 5_000, 1));
    assert.ok(bytes);
    return new DataView(bytes.buffer).getUint32(10);
  };

  it('a report that repeats the time of one that went only there lifts the threefold limit', () => {
    const call = locked();
    while (call.send() !== undefined);
    const middle = sealed(call);
    assert.equal(call.receive(receiverReport(0x1234, 0x5555, middle), STRANGER), true);
    assert.equal(call.session.protection, 'evidence');
    assert.deepEqual(
      [1, 2, 3, 4].map(() => call.send()),
      [STRANGER, STRANGER, STRANGER, STRANGER],
    );
  });

  it('one that repeats another time does not, nor does one from elsewhere', () => {
    const call = locked();
    while (call.send() !== undefined);
    const middle = sealed(call);
    call.receive(receiverReport(0x1234, 0x5555, middle + 1), STRANGER);
    call.receive(receiverReport(0x1234, 0x5555, middle), { ...STRANGER, port: 9 });
    let sent = 0;
    while (call.send() !== undefined) sent++;
    assert.ok(sent <= 1, 'what the report itself pays for');
  });

  it('to an address that is shown reports go as they are', () => {
    const call = new EvidenceBench({ ssrcs: [0x1234] });
    call.talk(10, HOME);
    assert.equal(call.component.isSealing, false);
  });
});
