import assert from 'node:assert/strict';
import { createCertificate, End, inDialog, LATCH_LINE, sdp } from './sip-phones.js';

describe('plugins/sip: a call over each transport', () => {
  const ends: End[] = [];
  const open = async (...args: ConstructorParameters<typeof End>) => {
    const end = new End(...args);
    ends.push(end);
    await end.stack.ready;
    return end;
  };
  afterEach(() => ends.splice(0).forEach((end) => end.close()));

  for (const protocol of ['UDP', 'TCP', 'TLS', 'WS']) {
    it(`carries the attributes both ways over ${protocol}, and ends with BYE`, async () => {
      const { key, cert } = await createCertificate();
      const isTls = protocol === 'TLS';
      const tls = isTls ? { key, cert, ca: cert } : undefined;
      const bob = await open({ stack: { tls, ...(protocol === 'WS' && { ws_port: 0 }) } }, (request, end) => {
        if (request.method === 'INVITE') end.respond(request, 200, sdp(41000));
        if (request.method === 'BYE') end.respond(request, 200);
      });
      const alice = await open({
        stack: { tls, ...(protocol === 'WS' && { ws_port: 0 }) },
        latch: { role: 'prover' },
      });
      const invite = alice.request('INVITE', bob.uri(protocol, isTls ? 'localhost' : '127.0.0.1'), {}, sdp());
      const session = alice.latch.session(invite);
      assert.ok(session);
      const { final } = await alice.ask(invite);
      if (final.status !== 200) console.log(alice.faults, bob.faults);
      assert.equal(final.status, 200);
      assert.match(bob.requests[0]!.content!, LATCH_LINE);
      assert.match(final.content!, LATCH_LINE);
      assert.equal(alice.latch.session(final), session);
      assert.equal(session.protection, 'latch');
      const incoming = bob.latch.session(bob.requests[0]!);
      assert.ok(incoming && !incoming.isClosed);
      alice.stack.send(inDialog(alice, invite, final, 'ACK'));
      const bye = inDialog(alice, invite, final, 'BYE');
      assert.equal((await alice.ask(bye)).final.status, 200);
      assert.ok(session.isClosed);
      assert.ok(incoming.isClosed);
      assert.deepEqual(
        bob.requests.map((request) => request.method),
        ['INVITE', 'ACK', 'BYE'],
      );
    });
  }
});
