// What the messages of a dialog show of the peer (protocol.md 8): told to the session, by the plugin's reading of a call.
import assert from 'node:assert/strict';
import { Calls } from '../../lib/sip/calls.js';
import type { Outgoing } from '../../lib/sip/index.js';
import type { SipFlow, SipRequest, SipResponse } from '../../lib/sip/index.js';
import { PeerKnowledge, peerSource } from '../../lib/sip/peer-knowledge.js';
import { FakeLatchkey } from '../plugins/fake-latchkey.js';
import { sdp, sip } from '../plugins/sip-phones.js';

const flow = (address: string, protocol = 'UDP'): SipFlow => ({ protocol, address, port: 5060 });
const PEER = '192.0.2.9';
const OTHER = '198.51.100.7';

describe('what the signalling knows of the peer', () => {
  let latchkey: FakeLatchkey;
  let calls: Calls;
  let seq: number;

  beforeEach(() => {
    latchkey = new FakeLatchkey();
    seq = 0;
    calls = new Calls(
      latchkey.asLatchkey,
      { ringingMs: 200_000, maxSilenceMs: 0 },
      { onSession: () => undefined, onEnd: () => undefined },
    );
  });
  afterEach(() => calls.endAll());

  const told = (index = 0) => latchkey.made[index]!.told;

  interface Parts {
    readonly from?: string;
    readonly to?: string;
    readonly seq?: number;
    readonly content?: string;
    readonly rack?: string;
  }
  function request(method: string, parts: Parts = {}): SipRequest {
    const number = parts.seq ?? ++seq;
    const { from = 'peer', to, content, rack } = parts;
    return {
      method,
      uri: 'sip:x@192.0.2.9',
      headers: {
        via: [{ protocol: 'UDP', host: 'h', params: { branch: `z9hG4bK${method}${number}` } }],
        'call-id': 'c1',
        from: { uri: 'sip:a@h', params: { tag: from } },
        to: { uri: 'sip:b@h', params: to === undefined ? {} : { tag: to } },
        cseq: { seq: number, method },
        ...(rack !== undefined && { rack }),
        ...(content !== undefined && { 'content-type': 'application/sdp' }),
      },
      ...(content !== undefined && { content }),
    };
  }
  function response(to: SipRequest, status: number, tag: string, content?: string): SipResponse {
    const headers = content === undefined ? {} : { 'content-type': 'application/sdp' };
    const made = sip.makeResponse(to, status, '', { headers, ...(content !== undefined && { content }) });
    made.headers.to = { uri: 'sip:b@h', params: { tag } };
    return made;
  }
  const receive = (message: SipRequest, from = flow(PEER)) => calls.receiveRequest(message, from, 'clear');

  /** An INVITE of the peer's, whose 200 went to each of these addresses. */
  function answered(...sentTo: string[]): void {
    const invite = request('INVITE', { content: sdp() });
    receive(invite);
    const trying = sip.makeResponse(invite, 100);
    calls.sendResponse(trying);
    calls.noteSent(trying, flow(OTHER));
    const final = response(invite, 200, 'me', sdp(5000));
    calls.sendResponse(final);
    for (const address of sentTo) calls.noteSent(final, flow(address));
  }
  const ack = () => request('ACK', { to: 'me', seq: 1 });

  it('is told when the session is made, of a call to us', () => {
    receive(request('INVITE', { content: sdp() }));
    assert.deepEqual(latchkey.made[0]!.options.peer, { address: PEER, transport: 'udp' });
  });

  it('is told anew with each later description, and not with other messages', () => {
    answered(PEER);
    receive(request('UPDATE', { to: 'me', content: sdp(5002) }), flow(OTHER, 'TCP'));
    receive(request('UPDATE', { to: 'me' }), flow(PEER));
    assert.deepEqual(told(), [`peer ${OTHER} tcp`]);
  });

  it('confirms at the ACK, and shows the address from which it came, if all that had our tag went only there', () => {
    answered(PEER, PEER);
    receive(ack());
    assert.deepEqual(told(), [`shown ${PEER}`, 'confirm']);
  });

  it('shows nothing by an ACK from elsewhere', () => {
    answered(PEER);
    receive(ack(), flow(OTHER));
    assert.deepEqual(told(), ['confirm']);
  });

  it('shows nothing where our tag went to two addresses', () => {
    answered(PEER, OTHER);
    receive(ack());
    assert.deepEqual(told(), ['confirm']);
  });

  it('shows nothing by a BYE or an UPDATE: they may be made up by whoever heard the tag from the peer', () => {
    answered(PEER);
    receive(request('UPDATE', { to: 'me' }));
    receive(request('BYE', { to: 'me' }));
    assert.deepEqual(told(), []);
  });

  it('shows the address of a PRACK', () => {
    const invite = request('INVITE', { content: sdp() });
    receive(invite);
    const ringing = response(invite, 183, 'me');
    calls.sendResponse(ringing);
    calls.noteSent(ringing, flow(PEER));
    receive(request('PRACK', { to: 'me', rack: '1 1 INVITE' }));
    assert.deepEqual(told(), [`shown ${PEER}`]);
  });

  describe('of calls of ours', () => {
    function call(...sentTo: string[]): Outgoing {
      const invite = request('INVITE', { from: 'me', content: sdp() });
      const outgoing = calls.sendRequest(invite, 'clear');
      assert.ok(outgoing);
      for (const address of sentTo) calls.noteSent(invite, flow(address));
      return outgoing;
    }
    const hear = (outgoing: Outgoing, status: number, tag: string, from: SipFlow, content?: string) =>
      calls.receiveResponse(outgoing, response(outgoing.request, status, tag, content), 'clear', from);

    it('confirms at the 2xx; a response shows the only address that the INVITE went to', () => {
      const outgoing = call(PEER);
      assert.equal(latchkey.made[0]!.options.peer, undefined);
      hear(outgoing, 100, 'a', flow(PEER));
      hear(outgoing, 183, 'a', flow(PEER), sdp(5000));
      hear(outgoing, 200, 'a', flow(PEER), sdp(5000));
      assert.deepEqual(told(), [`shown ${PEER}`, `peer ${PEER} udp`, `peer ${PEER} udp`, 'confirm']);
    });

    it('shows nothing where the INVITE was tried at two addresses', () => {
      const outgoing = call(OTHER, PEER);
      hear(outgoing, 200, 'a', flow(PEER), sdp(5000));
      assert.deepEqual(told(), [`peer ${PEER} udp`, 'confirm']);
    });

    it('holds for each fork by itself', () => {
      const outgoing = call(PEER);
      hear(outgoing, 183, 'a', flow(PEER), sdp(5000));
      hear(outgoing, 183, 'b', flow(PEER), sdp(6000));
      assert.deepEqual(told(1), [`shown ${PEER}`, `peer ${PEER} udp`]);
    });

    it('tells nothing to a session that is closed', () => {
      const outgoing = call(PEER);
      latchkey.made[0]!.close();
      hear(outgoing, 200, 'a', flow(PEER), sdp(5000));
      assert.deepEqual(told(), []);
    });
  });

  it('reads where a message came from', () => {
    const cases: readonly [SipFlow, 'encrypted' | 'clear', unknown][] = [
      [flow(PEER, 'TLS'), 'encrypted', { address: PEER, transport: 'tls' }],
      [flow(PEER, 'WS'), 'encrypted', { address: PEER, transport: 'wss' }],
      [flow(PEER, 'WS'), 'clear', { address: PEER, transport: 'ws' }],
      [flow('::ffff:192.0.2.9', 'TCP'), 'clear', { address: PEER, transport: 'tcp' }],
      [flow('fe80::1%eth0', 'UDP'), 'clear', { address: 'fe80::1', transport: 'udp' }],
      [flow('example.invalid', 'UDP'), 'clear', undefined],
      [flow(PEER, 'SCTP'), 'clear', undefined],
    ];
    for (const [from, signalling, source] of cases)
      assert.deepEqual(peerSource(from, signalling), source, `${from.protocol} ${from.address}`);
  });

  it('knows an address again in another spelling, and forgets it when the tag went elsewhere', () => {
    const session = latchkey.createSession({ signalling: 'clear' });
    const knowledge = new PeerKnowledge(session as never);
    knowledge.noteSent(flow('::ffff:192.0.2.9'));
    knowledge.noteRepeated(flow(PEER));
    knowledge.noteSentElsewhere();
    knowledge.noteRepeated(flow(PEER));
    assert.deepEqual(session.told, [`shown ${PEER}`]);
  });
});
