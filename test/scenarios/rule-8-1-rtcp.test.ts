// Protocol 8.1: RTCP of a peer with ICE. What we say of it in a description, and how two components live behind one socket.
import assert from 'node:assert/strict';
import type { Component } from '../../lib/core/index.js';
import { EngineBench } from '../support/engine-bench.js';
import { IceBench, MAPPING, SERVER } from '../support/ice-bench.js';
import { IcePhone } from '../support/ice-phone.js';
import { makeSenderReport } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';

const RTCP = { address: MAPPING.address, port: 30_083 };
const RTCP_REBOUND = { address: MAPPING.address, port: 31_999 };
/** Of a host candidate, for its component (RFC 8445 section 5.1.2.1). */
const PRIORITY = { 1: 0x6e0000ff, 2: 0x6e0000fe };
const report = () => makeSenderReport(0x1234, 1000, 1);

/** What of a description is about RTCP and ICE's candidates. */
function rtcpLines(sdp: string): string[] {
  return sdp.split('\r\n').flatMap((line) => {
    const candidate = /^a=candidate:\S+ (\d) UDP \d+ \S+ (\d+) /.exec(line);
    if (candidate) return [`${candidate[1]} at ${candidate[2]}`];
    return /^a=rtcp(-mux|:)/.test(line) ? [line] : [];
  });
}

interface Exchange {
  /** The phone offers, or may answer, with rtcp-mux. */
  readonly hasMux?: boolean;
  /** What the application writes of it. */
  readonly said?: { readonly isMuxed?: boolean; readonly rtcpPort?: number };
  /** The sockets that are bound before our description. */
  readonly bound?: readonly (1 | 2)[];
  readonly rtcpPort?: number;
}

function sessionOf({ bound = [1], rtcpPort = SERVER.port + 1 }: Exchange) {
  const bench = new EngineBench();
  const session = bench.engine.createSession({ signalling: 'clear' });
  const component = (id: 1 | 2): Component => session.component(0, id);
  const open = (id: 1 | 2) => bench.engine.openPort({ ...SERVER, port: id === 1 ? SERVER.port : rtcpPort });
  for (const id of bound) component(id).attach(open(id), bench.nowMs);
  return { bench, session, component, open };
}

const phone = new IcePhone('first');
const theirs = ({ hasMux = false }: Exchange) =>
  makeSdp({ address: '10.0.1.2', media: [{ port: 5004, isMuxed: hasMux, lines: phone.lines }] });
const ours = ({ said = {} }: Exchange) =>
  makeSdp({ address: SERVER.address, media: [{ port: SERVER.port, ...said }] });

function answered(exchange: Exchange) {
  const { session, bench } = sessionOf(exchange);
  assert.ok(session.setRemote(theirs(exchange), bench.nowMs).accepted);
  return rtcpLines(session.setLocal(ours(exchange), bench.nowMs));
}

describe('8.1: what a description says of RTCP', () => {
  const own = `2 at ${SERVER.port + 1}`;
  const shared = [`2 at ${SERVER.port}`, `a=rtcp:${SERVER.port}`];

  it('rtcp-mux is answered with rtcp-mux, whatever is bound, and said once', () => {
    for (const bound of [[], [1], [1, 2]] as const)
      for (const isMuxed of [false, true])
        assert.deepEqual(answered({ hasMux: true, bound, said: { isMuxed } }), [
          ...(isMuxed ? ['a=rtcp-mux'] : []),
          `1 at ${SERVER.port}`,
          ...(isMuxed ? [] : ['a=rtcp-mux']),
        ]);
  });

  it('without it component 2 is at a second socket that is bound', () => {
    assert.deepEqual(answered({ bound: [1, 2] }), [`1 at ${SERVER.port}`, own]);
    assert.deepEqual(answered({ bound: [1, 2], rtcpPort: 45_001 }), [
      ...[`1 at ${SERVER.port}`, '2 at 45001', 'a=rtcp:45001'],
    ]);
  });

  it('and else at the port of RTP, which a=rtcp names', () => {
    for (const bound of [[], [1]] as const)
      assert.deepEqual(answered({ bound }), [`1 at ${SERVER.port}`, ...shared]);
  });

  it('a port that the application names itself is named once', () => {
    for (const bound of [[1], [1, 2]] as const)
      assert.deepEqual(answered({ bound, said: { rtcpPort: 41_000 } }), [
        ...['a=rtcp:41000', `1 at ${SERVER.port}`, '2 at 41000'],
      ]);
  });

  it('an offer of ours says the same, and what an answer has brought in stays', () => {
    const { session, bench } = sessionOf({});
    assert.deepEqual(rtcpLines(session.setLocal(ours({}), bench.nowMs)), [`1 at ${SERVER.port}`, ...shared]);
    session.rollback();
    assert.ok(session.setRemote(theirs({ hasMux: true }), bench.nowMs).accepted);
    session.setLocal(ours({}), bench.nowMs);
    const again = rtcpLines(session.setLocal(ours({}), bench.nowMs));
    assert.deepEqual(again, [`1 at ${SERVER.port}`, ...shared, 'a=rtcp-mux']);
    assert.ok(session.setRemote(theirs({ hasMux: true }), bench.nowMs).accepted);
    assert.deepEqual(
      session.streams.filter(({ protection }) => protection === 'ice').map(({ component }) => component),
      [1],
    );
  });

  it('our own lines in what the application hands back are no ICE of its own: the text is the same', () => {
    const cases: readonly Exchange[] = [
      { hasMux: true },
      { hasMux: true, said: { isMuxed: true } },
      {},
      { bound: [1, 2], rtcpPort: 45_001 },
      { said: { rtcpPort: 41_000 } },
    ];
    for (const exchange of cases) {
      const { session, bench } = sessionOf(exchange);
      assert.ok(session.setRemote(theirs(exchange), bench.nowMs).accepted);
      const answer = session.setLocal(ours(exchange), bench.nowMs);
      assert.equal(session.setLocal(answer, bench.nowMs, 'answer'), answer);
      assert.equal(session.protection, 'ice');
      const offer = session.setLocal(ours(exchange), bench.nowMs, 'offer');
      assert.equal(session.setLocal(offer, bench.nowMs, 'offer'), offer);
      assert.equal(session.setLocal(answer, bench.nowMs, 'offer'), offer);
      assert.ok(session.setRemote(theirs(exchange), bench.nowMs).accepted);
      assert.equal(session.protection, 'ice');
    }
  });

  it("with ICE of its own beside ours the section is the application's, as ever", () => {
    const { session, bench } = sessionOf({});
    const offer = session.setLocal(ours({}), bench.nowMs);
    const both = offer + new IcePhone('own').lines.map((line) => `${line}\r\n`).join('');
    assert.equal(session.setLocal(both, bench.nowMs, 'offer'), both);
    const own = makeSdp({
      address: SERVER.address,
      media: [
        {
          port: SERVER.port,
          lines: [...new IcePhone('own').lines, 'a=candidate:1 1 UDP 1 192.0.2.1 9 typ host'],
        },
      ],
    });
    assert.equal(session.setLocal(own, bench.nowMs, 'offer'), own);
  });

  it('to a peer without ICE nothing of it is said', () => {
    const { session, bench } = sessionOf({});
    assert.ok(
      session.setRemote(makeSdp({ address: '10.0.1.2', media: [{ port: 5004 }] }), bench.nowMs).accepted,
    );
    assert.deepEqual(rtcpLines(session.setLocal(ours({}), bench.nowMs)), []);
  });
});

describe('8.1: two components behind one socket', () => {
  /** A phone with a path for each. */
  function connected() {
    const ice = new IceBench({ isMuxed: false });
    const rtcp = ice.session.component(0, 2);
    for (const [id, remote] of [
      [1, MAPPING],
      [2, RTCP],
    ] as const) {
      ice.send(ice.phone.check({ priority: PRIORITY[id], isNominating: true }), remote);
      ice.bench.advance(20);
      ice.answerFrom(remote);
    }
    return { ice, rtcp };
  }

  it('a check is for the one that its priority names; each gets a path of its own', () => {
    const { ice } = connected();
    assert.deepEqual(
      ice.bench.eventsOf('verified').map((event) => [event.component, event.local, event.remote]),
      [
        [1, SERVER, MAPPING],
        [2, SERVER, RTCP],
      ],
    );
    assert.equal(ice.session.protection, 'ice');
  });

  it('all that is accepted is for the application of the one socket, and goes where its like is', () => {
    const { ice, rtcp } = connected();
    assert.equal(ice.bench.receive(ice.port, report(), RTCP), ice.component);
    assert.equal(ice.talk(MAPPING), true);
    assert.deepEqual(ice.component.handleSend(report(), ice.bench.nowMs), RTCP);
    assert.deepEqual(ice.destination, MAPPING);
    assert.deepEqual([rtcp.counters.delivered, rtcp.counters.sent], [1, 1]);
    assert.deepEqual([ice.component.counters.delivered, ice.component.counters.sent], [1, 1]);
  });

  it('neither is a way for the other: RTCP has no path by RTP’s, and from elsewhere it makes a candidate of its own', () => {
    const ice = new IceBench({ isMuxed: false });
    ice.send(ice.phone.check({ priority: PRIORITY[1], isNominating: true }), MAPPING);
    ice.bench.advance(20);
    ice.answerFrom(MAPPING);
    assert.equal(ice.component.handleSend(report(), ice.bench.nowMs), undefined);
    assert.equal(ice.send(report(), RTCP), false);
    assert.deepEqual(ice.bench.eventsOf('candidate').at(-1)?.component, 2);
  });

  it('when the NAT rebinds, RTCP is followed as RTP is', () => {
    const { ice } = connected();
    ice.send(report(), RTCP);
    ice.bench.advance(3000);
    assert.equal(ice.send(report(), RTCP_REBOUND), false);
    ice.bench.advance(20);
    ice.answerFrom(RTCP_REBOUND);
    ice.bench.advance(10);
    assert.deepEqual(ice.component.handleSend(report(), ice.bench.nowMs), RTCP_REBOUND);
    const [rebound] = ice.bench.eventsOf('rebound');
    assert.equal(rebound?.component, 2);
    assert.deepEqual(ice.destination, MAPPING);
    // What was held while it was asked is the application's of the one socket, too.
    assert.ok(ice.bench.deliveries.every(({ component }) => component === ice.component));
  });

  it('a stranger with the right SSRC gets neither', () => {
    const { ice } = connected();
    const stranger = { address: '203.0.113.66', port: 9 };
    ice.send(report(), RTCP);
    ice.send(report(), stranger);
    ice.talk(stranger);
    ice.bench.advance(10_000);
    assert.deepEqual(ice.destination, MAPPING);
    assert.deepEqual(ice.component.handleSend(report(), ice.bench.nowMs), RTCP);
  });

  it('the guest goes where its host goes, and is gone with it', () => {
    const { ice, rtcp } = connected();
    const port = ice.bench.engine.openPort({ ...SERVER, port: 41_000 });
    ice.component.addPort(port, ice.bench.nowMs);
    assert.deepEqual(rtcp.ports, [ice.port, port]);
    ice.component.attach(port, ice.bench.nowMs);
    assert.deepEqual(rtcp.ports, [port]);
    ice.send(report(), RTCP);
    ice.bench.engine.closePort(port, ice.bench.nowMs);
    assert.deepEqual(rtcp.ports, []);
    assert.equal(ice.component.handleSend(report(), ice.bench.nowMs), undefined);
    ice.session.close(ice.bench.nowMs);
    assert.deepEqual([ice.port.size, port.size], [0, 0]);
  });

  it('a socket that is bound for it later is its own', () => {
    const { ice, rtcp } = connected();
    const port = ice.bench.engine.openPort({ ...SERVER, port: 40_001 });
    rtcp.attach(port, ice.bench.nowMs);
    assert.deepEqual([rtcp.ports, rtcp.sharing.isGuest], [[port], false]);
    assert.deepEqual(ice.component.handleSend(report(), ice.bench.nowMs), MAPPING);
  });

  it('a re-offer with rtcp-mux ends it', () => {
    const { ice, rtcp } = connected();
    const offer = makeSdp({
      address: '10.0.1.2',
      media: [{ port: 5004, isMuxed: true, lines: ice.phone.lines }],
    });
    assert.ok(ice.session.setRemote(offer, ice.bench.nowMs).accepted);
    ice.session.setLocal(ours({}), ice.bench.nowMs);
    assert.equal(rtcp.sharing.isGuest, false);
    assert.deepEqual(ice.component.handleSend(report(), ice.bench.nowMs), MAPPING);
  });
});
