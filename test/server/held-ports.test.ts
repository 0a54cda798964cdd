// Ports that calls hold which nobody has acknowledged (issue 10, demand 6): one forged datagram makes such a call, so they give way
// to a call that comes, the oldest first. Those of a call that somebody has acknowledged stay its own.
import assert from 'node:assert/strict';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { RawPhone } from '../cli/raw-phone.js';
import { sip } from '../plugins/sip-phones.js';

describe('server: ports that nobody has acknowledged', () => {
  const phones: RawPhone[] = [];
  let server: DistributionServer;
  let port: number;

  beforeEach(async () => {
    server = createDistributionServer({
      signalling: (latchkey) => latchSip(sip, latchkey),
      listen: { udp: 'auto' },
      // Two calls fill it.
      media: { kind: 'range', low: 22_000, high: 22_003 },
    });
    server.on('fault', () => undefined);
    port = (await server.start()).sip.UDP?.port ?? 0;
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) phone.close();
    await server.close({ graceMs: 0 });
  });

  /** A call to a room, acknowledged or not, and what it was answered. */
  async function call(isAcked: boolean): Promise<{ readonly callId: string; readonly status: number }> {
    const phone = await RawPhone.open(port);
    phones.push(phone);
    const { status } = await phone.ask('INVITE', { user: 'hall', body: phone.sdp(), isAcked });
    return { callId: phone.callId, status };
  }
  const open = () => server.snapshot().calls.map(({ call: callId }) => callId);
  const given = () => server.counters.bounds.unconfirmedCalls;

  it('go to a call that comes, from the oldest on; those of an acknowledged call never do', async () => {
    const held = [await call(false), await call(false)];
    assert.deepEqual(
      held.map(({ status }) => status),
      [200, 200],
    );
    const first = await call(true);
    assert.equal(first.status, 200);
    assert.deepEqual([given(), open().includes(held[0]!.callId)], [1, false]);
    const second = await call(true);
    assert.equal(second.status, 200);
    assert.equal(given(), 2);
    assert.notEqual((await call(true)).status, 200, 'there are no more ports');
    assert.equal(given(), 2);
    assert.deepEqual(open().sort(), [first.callId, second.callId].sort());
  });
});
