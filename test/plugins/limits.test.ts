import assert from 'node:assert/strict';
import { GATE_LIMITS } from '../../lib/sip/index.js';
import { gateLimits } from '../../plugins/sip/limits.js';
import { RawPhone } from '../cli/raw-phone.js';
import { End, rawUdp, sdp } from './sip-phones.js';

describe('plugins/sip: the limits of the gate', () => {
  it('are those of the gate unless set', () => assert.deepEqual(gateLimits({}), GATE_LIMITS));

  it('follow the package’s own two options, and the message is as long as both together', () => {
    const given = gateLimits({ maxBytesHeaders: 1000, maxContentLength: 500_000 });
    assert.deepEqual(
      [given.maxHeadBytes, given.maxBodyBytes, given.maxMessageBytes],
      [1000, 500_000, 501_004],
    );
    const both = gateLimits({ maxContentLength: 500_000, maxMessageBytes: 2000 });
    assert.equal(both.maxMessageBytes, 2000);
  });

  it('can be set one by one', () => {
    assert.deepEqual(gateLimits({ maxLineBytes: 100, maxLines: 7, maxMessageBytes: 5000 }), {
      ...GATE_LIMITS,
      maxLineBytes: 100,
      maxLines: 7,
      maxMessageBytes: 5000,
      maxBodyBytes: 5000,
    });
  });

  it('hold for a stack: what was asked for passes, what is beyond is counted', async () => {
    const bob = new End({ stack: { maxLineBytes: 200, maxBytesHeaders: 100_000 } });
    await bob.stack.ready;
    const options = (size: number) =>
      Buffer.from(
        `OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=b${size}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: ${size}\r\nCSeq: 1 OPTIONS\r\nX: ${'x'.repeat(size)}\r\n\r\n`,
      );
    await rawUdp(bob.port('UDP'), options(300), options(150));
    const deadlineMs = Date.now() + 5000;
    while (bob.requests.length === 0 && Date.now() < deadlineMs) await new Promise(setImmediate);
    assert.deepEqual(
      bob.requests.map(({ headers }) => headers['call-id']),
      ['150'],
    );
    assert.equal(bob.latch.counters.gate.refused['line-size'], 1);
    bob.close();
  });
});

describe('plugins/sip: the bound on transactions', () => {
  it('holds for an address that is shown, too: the package has so many of it, and what is beyond gives way here', async () => {
    const limits = { maxTransactionsOfSource: 4 };
    const bob = new End({ latch: { limits } }, (request, end) => {
      if (request.method !== 'ACK')
        end.respond(request, 200, request.method === 'INVITE' ? sdp() : undefined);
    });
    await bob.stack.ready;
    const phone = await RawPhone.open(bob.port('UDP'));
    assert.equal((await phone.ask('INVITE', { body: phone.sdp() })).status, 200);
    for (let i = 0; i < 20; i++) assert.equal((await phone.ask('OPTIONS')).status, 200);
    // Of 20 the package has 4, and as many are kept here, the INVITE among them.
    assert.equal(bob.latch.counters.bounds.transactions, 20 - 4 - 4 + 1);
    phone.close();
    bob.close();
  });
});
