import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sdpOf, rtp } from '../net/call.js';
import { createCertificate, End, inDialog } from './sip-phones.js';

async function bound(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

describe('plugins/sip: from an INVITE over TLS to media', () => {
  it('verifies the caller behind a wrong address, carries media, survives a re-INVITE, ends with BYE', async () => {
    const { key, cert } = await createCertificate();
    const [media, phone, wrong] = [await bound(), await bound(), await bound()];
    let isBound = false;
    const bob = new End({ stack: { tls: { key, cert } } }, (request, end) => {
      if (request.method === 'ACK') return;
      if (request.method !== 'INVITE') return void end.respond(request, 200);
      const session = end.latch.session(request);
      assert.ok(session);
      if (!isBound) {
        isBound = true;
        const port = session.bind(media);
        port.on('packet', (bytes) => port.send(bytes));
      }
      end.respond(request, 180);
      end.respond(request, 200, sdpOf(media));
    });
    const alice = new End({ stack: { tls: { ca: cert } }, latch: { role: 'prover' } });
    try {
      await Promise.all([bob.stack.ready, alice.stack.ready]);
      // What stands in the offer is not where the media comes from: the NAT's doing.
      const invite = alice.request('INVITE', bob.uri('TLS', 'localhost'), {}, sdpOf(wrong));
      const session = alice.latch.session(invite);
      assert.ok(session);
      const port = session.bind(phone);
      const verified = once(bob.latchkey, 'verified');
      const { final } = await alice.ask(invite);
      alice.stack.send(inDialog(alice, invite, final, 'ACK'));
      const [event] = (await verified) as [
        { mapping: AddressInfo; signalled: AddressInfo; nat: string; call: string },
      ];
      assert.equal(event.call, invite.headers['call-id']);
      assert.equal(event.mapping.port, phone.address().port);
      assert.equal(event.signalled.port, wrong.address().port);
      assert.equal(event.nat, 'port');
      const echo = async (text: string) => {
        const heard = once(port, 'packet');
        assert.ok(port.send(rtp(text)));
        return ((await heard) as [Buffer])[0].subarray(12).toString();
      };
      assert.equal(await echo('hello'), 'hello');
      const again = inDialog(alice, invite, final, 'INVITE', sdpOf(wrong));
      const second = await alice.ask(again);
      alice.stack.send(inDialog(alice, again, second.final, 'ACK'));
      assert.equal(await echo('still here'), 'still here');
      const bye = await alice.ask(inDialog(alice, invite, final, 'BYE'));
      assert.equal(bye.final.status, 200);
      assert.equal(alice.latchkey.sessions.size + bob.latchkey.sessions.size, 0);
    } finally {
      alice.close();
      bob.close();
      for (const socket of [media, phone, wrong]) socket.close();
    }
  });
});
