// Protocol 8.3.6 through plugins/sip-js, on sip.js itself over a WebSocket: re-INVITEs in its dialog of which the application, its handler and
// `Session` know nothing. The peer is a stack that answers as it is told.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cseqOf } from '../../lib/sip/message.js';
import type { SipFlow, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { AskedSession, PortLender, portTold } from './port-lender.js';
import { eventually, WebPhone } from './sip-js-phones.js';
import { End, inDialog, sdp } from './sip-phones.js';

describe('8.3.6 through plugins/sip-js: the port question', function () {
  this.timeout(30_000);
  let peer: End;
  let phone: WebPhone;
  let lender: PortLender;
  let asked: AskedSession;
  let registered: SipFlow | undefined;
  let call: { readonly invite: SipRequest; readonly final: SipResponse };
  /** What the peer does in place of answering 200. */
  let onPeer: (request: SipRequest) => boolean;
  const description = `${sdp(42_000)}a=rtcp-mux\r\n`;

  beforeEach(async () => {
    [registered, onPeer] = [undefined, () => false];
    lender = new PortLender();
    peer = new End({ stack: { ws_port: 0 } }, (request, end, flow) => {
      if (request.method === 'ACK' || onPeer(request)) return;
      if (request.method === 'REGISTER') registered = flow;
      end.respond(request, 200, request.method === 'INVITE' ? description : undefined, { expires: '600' });
    });
    await peer.stack.ready;
    phone = new WebPhone(`ws://127.0.0.1:${peer.port('WS')}`, {}, {}, { ports: lender.ports });
    await phone.register();
    await eventually(() => registered !== undefined);
    const invite = peer.request('INVITE', 'sip:web@phone.invalid', route(), description);
    const { final } = await peer.ask(invite);
    call = { invite, final };
    peer.stack.send(within('ACK'));
    await eventually(() => phone.confirmed === 1);
    asked = new AskedSession(phone.media!.latch);
  });
  afterEach(async () => {
    await phone.close();
    peer.close();
    await eventually(() => lender.released.length === lender.lent.length);
    assert.deepEqual(lender.released.toSorted(), lender.lent.toSorted(), 'each port comes back once');
  });

  function route() {
    const { schema, user, host } = peer.stack.encodeFlowUri(registered!);
    return { route: [{ uri: { schema, user, host, params: { lr: null } }, params: {} }] };
  }

  function within(method: string, content?: string): SipRequest {
    const request = inDialog(peer, call.invite, call.final, method, content);
    Object.assign(request.headers, route());
    return request;
  }

  const invites = () => peer.requests.filter(({ method }) => method === 'INVITE');

  /** The question is out, and the peer says nothing. */
  async function question(): Promise<SipRequest> {
    onPeer = ({ method }) => method === 'INVITE';
    asked.emitQuestion();
    await eventually(() => invites().length === 1);
    onPeer = () => false;
    return invites()[0]!;
  }

  it('is a re-INVITE with its ACK; the application’s own go on after it, and tell that port', async () => {
    const first = portTold(call.final.content ?? '');
    const before = phone.media!.negotiation;
    assert.equal(await asked.ask(), 'answered');
    await eventually(() => peer.requests.at(-1)!.method === 'ACK');
    const [lent] = lender.lent;
    const [invite] = invites();
    assert.equal(portTold(invite!.content!), lent);
    assert.notEqual(lent, first);
    assert.deepEqual([asked.listened, asked.remotes.length], [[lent], 1]);
    assert.equal(phone.media!.negotiation, before, 'the handler saw nothing');
    assert.equal(await phone.hold(true), 200);
    const held = invites()[1]!;
    assert.deepEqual([portTold(held.content!), cseqOf(held).seq], [lent, cseqOf(invite!).seq + 1]);
    assert.match(held.content!, /^a=sendonly\r$/m);
    const refresh = await peer.ask(within('INVITE', description));
    assert.deepEqual([refresh.final.status, portTold(refresh.final.content!)], [200, lent]);
  });

  it('a peer that refuses keeps its call, at the port before', async () => {
    const first = portTold(call.final.content ?? '');
    peer.respond(await question(), 488);
    assert.equal(await asked.told(), 'refused');
    assert.equal(asked.rollbacks, 1);
    asked.release(lender.lent[0]!);
    assert.deepEqual(lender.released, lender.lent);
    assert.equal(await phone.hold(true), 200);
    assert.equal(portTold(invites().at(-1)!.content!), first);
  });

  it('a peer that answers 491 is asked again with the same port, and one that answers without a description has refused', async () => {
    peer.respond(await question(), 491);
    assert.equal(await asked.told(), 'pending');
    onPeer = (request) => {
      if (request.method === 'INVITE') peer.respond(request, 200);
      return request.method === 'INVITE';
    };
    assert.equal(await asked.told(), 'refused');
    assert.deepEqual(
      invites().map(({ content }) => portTold(content!)),
      [lender.lent[0], lender.lent[0]],
    );
  });

  it('while it is out the application’s re-INVITE waits, and the peer’s gets 491', async () => {
    const invite = await question();
    const held = phone.hold(true);
    assert.equal((await peer.ask(within('INVITE'))).final.status, 491);
    assert.equal(invites().length, 1);
    peer.respond(invite, 200, description);
    assert.equal(await asked.told(), 'answered');
    assert.equal(await held, 200);
    assert.equal(portTold(invites()[1]!.content!), lender.lent[0]);
  });

  for (const who of ['peer', 'application'] as const)
    it(`one without an answer for 2 s is cancelled where the ${who} offers (RFC 3261 9.1), which then can`, async () => {
      const invite = await question();
      peer.respond(invite, 100);
      onPeer = (request) => {
        if (request.method !== 'CANCEL') return false;
        peer.respond(request, 200);
        peer.respond(invite, 487);
        return true;
      };
      await new Promise((resolve) => setTimeout(resolve, who === 'peer' ? 2100 : 1000));
      assert.ok(peer.requests.every(({ method }) => method !== 'CANCEL'));
      if (who === 'application') return assert.equal(await phone.hold(true), 200);
      assert.equal((await peer.ask(within('INVITE'))).final.status, 491, 'RFC 3261 14.2');
      assert.equal(await asked.told(), 'refused');
      assert.equal((await peer.ask(within('INVITE', description))).final.status, 200);
      return undefined;
    });

  it('while the application is offering it waits', async () => {
    onPeer = ({ method }) => method === 'INVITE';
    const held = phone.hold(true);
    await eventually(() => invites().length === 1);
    onPeer = () => false;
    assert.equal(await asked.ask(), 'pending');
    assert.equal(invites().length, 1);
    peer.respond(invites()[0]!, 200, description);
    assert.equal(await held, 200);
    assert.equal(await asked.told(), 'answered');
    assert.match(invites()[1]!.content!, /^a=sendonly\r$/m, 'in the same direction');
  });

  it('a peer that says nothing keeps its call; when that ends the port comes back', async () => {
    await question();
    const ended = once(asked.session, 'closed');
    await peer.ask(within('BYE'));
    await ended;
    assert.deepEqual(lender.released, lender.lent);
  });

  it('8.3.8: where the peer has moved the answer tells another port', async () => {
    asked.wantPort();
    const { final } = await peer.ask(within('INVITE', description));
    assert.deepEqual(
      [final.status, portTold(final.content!), asked.listened],
      [200, lender.lent[0], lender.lent],
    );
    assert.deepEqual(asked.outcomes, []);
  });
});
