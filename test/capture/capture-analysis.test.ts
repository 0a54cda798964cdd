// What the analysis of a capture says of calls, NATs, rebindings and intruders, on traffic made up to the packet.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import {
  asciiBytes,
  encodeChallenge,
  encodeHello,
  encodeIceCheck,
  encodeIceResponse,
  encodeResponse,
} from '../../lib/wire/index.js';
import type { StreamReport } from '../../lib/capture/capture-report.js';
import { CallScene, at, sdpOf, streamOf } from './call-scene.js';

const SERVER = '203.0.113.1:30000';
const SERVER_SIP = '203.0.113.1:5060';
const CLIENT = '10.0.1.2:40000';
const MAPPING = '203.0.113.11:40000';
const REBOUND = '203.0.113.11:51000';
const ATTACKER = '203.0.113.66:4444';
const SIP_WAY = ['203.0.113.11:5060', SERVER_SIP] as const;
const BACK_WAY = [SERVER_SIP, '203.0.113.11:5060'] as const;
const key = new Uint8Array(32).fill(7);
const hmac = (algorithm: string) => (secret: Uint8Array, data: Uint8Array) =>
  createHmac(algorithm, secret).update(data).digest();
const hmacSha256 = hmac('sha256');
const hmacSha1 = hmac('sha1');

/** A client behind a NAT that calls a server, seen at the server. */
const natted = (): CallScene => new CallScene().call(0, [CLIENT, SERVER], SIP_WAY);

const changesOf = (stream: StreamReport | undefined) =>
  stream?.changes.map(({ atMs, source }) => [atMs, source]);

describe('capture: calls and their streams', () => {
  it('matches both directions to the call although the NAT changed the address', () => {
    const report = natted()
      .rtp(100, 1100, [REBOUND, SERVER], { ssrc: 1 })
      .rtp(120, 1100, [SERVER, REBOUND], { ssrc: 2 })
      .sip(1200, 'BYE sip:bob@example.com', { way: SIP_WAY, toTag: 'b', sequence: 2 })
      .report();
    assert.equal(report.calls.length, 1);
    assert.deepEqual(report.calls[0]?.streams, [0, 1]);
    assert.equal(report.calls[0]?.ended, true);
    assert.equal(report.calls[0]?.endMs, 1200);
    const inward = streamOf(report, REBOUND, SERVER);
    assert.deepEqual(
      [inward.sender, inward.signalled, inward.mapping, inward.nat, inward.natEnd],
      ['caller', CLIENT, REBOUND, 'both', 'source'],
    );
    const outward = streamOf(report, SERVER, REBOUND);
    assert.deepEqual(
      [outward.sender, outward.signalled, outward.mapping, outward.nat, outward.natEnd],
      ['callee', CLIENT, REBOUND, 'both', 'destination'],
    );
    assert.equal(outward.codec, 'PCMU/8000');
  });

  it('matches media to an address that only the other direction shows', () => {
    // The server sends from a port that nobody signalled, to the mapping of its client.
    const report = natted()
      .rtp(100, 1100, [REBOUND, SERVER], { ssrc: 1 })
      .rtp(120, 1100, ['203.0.113.2:9000', REBOUND], { ssrc: 2 })
      .report();
    const outward = streamOf(report, '203.0.113.2:9000', REBOUND);
    assert.equal(outward.call, 0);
    assert.deepEqual(outward.matchedBy, ['mapping']);
  });

  it('says direct where both ends are where SDP says', () => {
    const report = new CallScene()
      .call(0, ['192.0.2.2:4000', SERVER], ['192.0.2.2:5060', SERVER_SIP])
      .rtp(100, 1100, ['192.0.2.2:4000', SERVER])
      .report();
    assert.equal(report.streams[0]?.nat, 'none');
    assert.equal(report.streams[0]?.recognisedBy, 'signalling');
  });

  it('takes a single packet to a signalled port for RTP, and elsewhere wants three that advance', () => {
    const report = natted()
      .rtp(90, 100, [MAPPING, SERVER], { ssrc: 1 })
      .rtp(100, 140, ['192.0.2.7:1000', '192.0.2.8:1000'], { ssrc: 2 })
      .rtp(100, 160, ['192.0.2.7:2000', '192.0.2.8:2000'], { ssrc: 3 })
      .report();
    assert.deepEqual(
      report.streams.map(({ ssrc, recognisedBy }) => [ssrc, recognisedBy]),
      [
        [1, 'signalling'],
        [3, 'sequence'],
      ],
    );
  });

  it('lists streams that came before the answer, and streams without any SIP', () => {
    const report = new CallScene()
      .rtp(0, 500, [MAPPING, SERVER])
      .call(200, [CLIENT, SERVER], SIP_WAY)
      .report();
    assert.equal(report.streams[0]?.call, 0);
    assert.equal(new CallScene().rtp(0, 500, [MAPPING, SERVER]).report().streams[0]?.call, null);
  });

  it('gives a port that is used again to the call of the time', () => {
    const scene = new CallScene();
    for (const [i, start] of [0, 20_000].entries()) {
      const callId = `call-${i}`;
      scene
        .call(start, [CLIENT, SERVER], SIP_WAY, callId)
        .rtp(start + 100, start + 1100, [MAPPING, SERVER], { ssrc: i + 1 });
      scene.sip(start + 1200, 'BYE sip:bob@example.com', { way: SIP_WAY, callId, toTag: 'b', sequence: 2 });
    }
    const { streams } = scene.report();
    assert.deepEqual(
      streams.map(({ ssrc, call }) => [ssrc, call]),
      [
        [1, 0],
        [2, 1],
      ],
    );
  });

  it('tells calls on one shared port apart by where each client signals from, and takes neither in doubt', () => {
    const scene = new CallScene();
    for (const i of [1, 2])
      scene.call(i, [`10.0.1.2:${4000 + i}`, SERVER], [`198.51.100.${i}:5060`, SERVER_SIP], `call-${i}`);
    scene.rtp(100, 500, ['198.51.100.1:4001', SERVER], { ssrc: 1 });
    scene.rtp(100, 500, ['198.51.100.2:4002', SERVER], { ssrc: 2 });
    scene.rtp(100, 500, ['198.51.100.9:4009', SERVER], { ssrc: 3 });
    const calls = scene.report().streams.map(({ ssrc, call }) => [ssrc, call]);
    assert.deepEqual(calls, [
      [1, 0],
      [2, 1],
      [3, null],
    ]);
  });

  it('tells forks, retransmissions, re-INVITEs and calls of the same Call-ID apart', () => {
    const back = { way: BACK_WAY };
    const invite = { way: SIP_WAY, sdp: sdpOf(CLIENT) };
    const scene = new CallScene()
      .sip(0, 'INVITE sip:bob@example.com', invite)
      .sip(500, 'INVITE sip:bob@example.com', invite)
      .sip(600, '183 Session Progress', { ...back, toTag: 'fork1', sdp: sdpOf('203.0.113.1:31000') })
      .sip(700, '183 Session Progress', { ...back, toTag: 'fork2', sdp: sdpOf('203.0.113.1:32000') })
      .sip(800, '200 OK', { ...back, toTag: 'fork2', sdp: sdpOf('203.0.113.1:32000') })
      .sip(810, 'ACK sip:bob@example.com', { way: SIP_WAY, toTag: 'fork2' })
      .sip(2000, 'INVITE sip:alice@example.com', {
        ...back,
        fromTag: 'fork2',
        toTag: 'a',
        sdp: sdpOf('203.0.113.1:33000', 'a=sendonly'),
      })
      .sip(2010, '200 OK', { way: SIP_WAY, fromTag: 'fork2', toTag: 'a', sdp: sdpOf(CLIENT, 'a=recvonly') })
      .sip(3000, 'INVITE sip:other@example.com', { way: SIP_WAY, fromTag: 'stranger', sequence: 9 })
      .sip(3100, 'OPTIONS sip:bob@example.com', { way: SIP_WAY, callId: 'ping', fromTag: 'p' });
    const { calls, sip } = scene.report();
    assert.deepEqual(sip, { messages: 10, callIds: 2, otherDialogs: 1, cutBeforeCallId: 0 });
    assert.equal(calls.length, 2);
    assert.deepEqual(
      calls[0]?.forks.map(({ tag, status }) => [tag, status]),
      [
        ['fork1', 183],
        ['fork2', 200],
      ],
    );
    assert.deepEqual(
      calls[0]?.media.map(
        ({ party, role, address, direction }) => `${party} ${role} ${address} ${direction}`,
      ),
      [
        `caller offer ${CLIENT} sendrecv`,
        'callee answer 203.0.113.1:31000 sendrecv',
        'callee answer 203.0.113.1:32000 sendrecv',
        'callee answer 203.0.113.1:32000 sendrecv',
        'callee offer 203.0.113.1:33000 sendonly',
        `caller answer ${CLIENT} recvonly`,
      ],
    );
  });

  it('reads the offer of a 200 and the answer of its ACK', () => {
    const { calls } = new CallScene()
      .sip(0, 'INVITE sip:bob@example.com', { way: SIP_WAY })
      .sip(10, '200 OK', { way: BACK_WAY, toTag: 'b', sdp: sdpOf(SERVER) })
      .sip(20, 'ACK sip:bob@example.com', { way: SIP_WAY, toTag: 'b', sdp: sdpOf(CLIENT) })
      .report();
    assert.deepEqual(
      calls[0]?.media.map(({ party, role }) => `${party} ${role}`),
      ['callee offer', 'caller answer'],
    );
  });
});

describe('capture: rebindings, intruders, blind latches', () => {
  it('follows a rebinding, counts no loss over it, and says what a locked latch would have lost', () => {
    const report = natted()
      .rtp(100, 2100, [MAPPING, SERVER])
      .rtp(2100, 4100, [REBOUND, SERVER])
      .rtp(110, 4110, [SERVER, MAPPING], { ssrc: 2 })
      .report();
    const [stream] = report.streams;
    assert.deepEqual(changesOf(stream), [[2100, REBOUND]]);
    assert.deepEqual(stream?.intruders, []);
    assert.equal(stream?.packets, 200);
    assert.equal(stream?.lost, 0);
    assert.ok(stream);
    const { first, newest } = stream.latch.blind;
    assert.deepEqual([first.reached, first.stolen, first.lost], [100, 0, 100]);
    assert.deepEqual([newest.reached, newest.stolen, newest.lost], [200, 0, 0]);
  });

  it('a rebinding there and back is two changes', () => {
    const { streams } = natted()
      .rtp(0, 2000, [MAPPING, SERVER])
      .rtp(2000, 4000, [REBOUND, SERVER])
      .rtp(4000, 6000, [MAPPING, SERVER])
      .report();
    assert.deepEqual(
      streams[0]?.changes.map(({ source }) => source),
      [REBOUND, MAPPING],
    );
    assert.deepEqual(streams[0]?.intruders, []);
  });

  it('packets that were under way at a rebinding make nobody an intruder', () => {
    const { streams } = natted()
      .rtp(0, 2000, [MAPPING, SERVER])
      .rtp(2000, 4000, [REBOUND, SERVER])
      .rtp(2010, 2030, [MAPPING, SERVER], { sequence: 99 })
      .report();
    assert.deepEqual(changesOf(streams[0]), [[2000, REBOUND]]);
    assert.deepEqual(streams[0]?.intruders, []);
  });

  it('a spray of another SSRC that begins before the sender is the intruder, and both blind latches are robbed', () => {
    const report = natted()
      .rtp(50, 4000, [ATTACKER, SERVER], { ssrc: 0xbad, everyMs: 10 })
      .rtp(100, 4000, [MAPPING, SERVER], { ssrc: 1 })
      .rtp(105, 4000, [SERVER, MAPPING], { ssrc: 2, everyMs: 10 })
      .report();
    const stream = streamOf(report, MAPPING, SERVER);
    assert.deepEqual(
      stream.intruders.map(({ source, ssrc, packets, reason }) => [source, ssrc, packets, reason]),
      [[ATTACKER, 0xbad, 395, 'other-ssrc']],
    );
    const { first, newest } = stream.latch.blind;
    assert.deepEqual([first.reached, first.stolen], [0, 390]);
    assert.deepEqual([newest.reached, newest.stolen], [195, 195]);
  });

  it('eight packets of the right SSRC beside the sender are an intrusion and no rebinding', () => {
    const { streams } = natted()
      .rtp(0, 4000, [MAPPING, SERVER])
      .rtp(2003, 2011, [ATTACKER, SERVER], { everyMs: 1, sequence: 101 })
      .report();
    assert.equal(streams.length, 1);
    assert.deepEqual(streams[0]?.changes, []);
    assert.deepEqual(
      streams[0]?.intruders.map(({ source, packets, reason }) => [source, packets, reason]),
      [[ATTACKER, 8, 'same-ssrc']],
    );
    assert.equal(streams[0]?.lost, 0);
  });

  it('the right SSRC beside the sender before it is an intruder too, by what the signalling says', () => {
    const { streams } = natted()
      .rtp(0, 4000, [ATTACKER, SERVER], { everyMs: 10, sequence: 5000 })
      .rtp(100, 4000, [MAPPING, SERVER])
      .report();
    assert.deepEqual(
      streams[0]?.intruders.map(({ source }) => source),
      [ATTACKER],
    );
    assert.equal(streams[0]?.source, MAPPING);
    assert.equal(streams[0]?.lost, 0);
  });

  it('a neighbour behind the same NAT with another SSRC is an intruder while the sender goes on', () => {
    const { streams } = natted()
      .rtp(100, 4000, [MAPPING, SERVER], { ssrc: 1 })
      .rtp(1000, 2000, [REBOUND, SERVER], { ssrc: 0xbad })
      .report();
    assert.deepEqual(
      streams[0]?.intruders.map(({ source, reason }) => [source, reason]),
      [[REBOUND, 'other-ssrc']],
    );
  });

  it('a new SSRC from where the sender is, or after it from behind its NAT, is none', () => {
    const { streams } = natted()
      .rtp(100, 4000, [MAPPING, SERVER], { ssrc: 1 })
      .rtp(1000, 2000, [MAPPING, SERVER], { ssrc: 2 })
      .rtp(6000, 7000, [REBOUND, SERVER], { ssrc: 3 })
      .report();
    assert.deepEqual(
      streams.flatMap(({ intruders }) => intruders),
      [],
    );
  });

  it('with latch messages, who never answered a challenge is the intruder, also from a rebound address', () => {
    const hello = encodeHello(
      {
        recipient: 'serverTag01',
        sender: 'clientTag01',
        proof: new Uint8Array(32),
        transaction: transaction(9),
      },
      key,
      hmacSha256,
    );
    const scene = natted().rtp(100, 2000, [MAPPING, SERVER]).rtp(2000, 4000, [REBOUND, SERVER]);
    // The attacker replays the hello and takes the SSRC over at the moment of the rebinding.
    scene.datagram(90, [MAPPING, SERVER], hello).datagram(2001, [ATTACKER, SERVER], hello);
    scene.rtp(2001, 4000, [ATTACKER, SERVER], { everyMs: 10 });
    for (const [i, source] of [MAPPING, REBOUND, ATTACKER].entries()) {
      const fields = { recipient: 'clientTag01', sender: 'serverTag01', word: new Uint8Array(16) };
      const challenge = encodeChallenge({ ...fields, transaction: transaction(i) }, key, hmacSha256);
      scene.datagram(95 + 2000 * Math.sign(i), [SERVER, source], challenge);
      if (source === ATTACKER) continue;
      const response = { mapped: at(SERVER), proof: new Uint8Array(32), transaction: transaction(i) };
      scene.datagram(96 + 2000 * Math.sign(i), [source, SERVER], encodeResponse(response, key, hmacSha256));
    }
    const [stream] = scene.report().streams;
    assert.equal(stream?.latch.kind, 'latch');
    assert.deepEqual(stream.latch.verified, [MAPPING, REBOUND]);
    assert.deepEqual(stream.latch.messages, { hello: 2, challenge: 3, response: 2 });
    assert.deepEqual(
      stream.intruders.map(({ source, reason }) => [source, reason]),
      [[ATTACKER, 'unverified']],
    );
  });

  it('checks the integrity of ICE where the password is in the clear, and believes no wrong one', () => {
    const ice = ['a=ice-ufrag:client', 'a=ice-pwd:clientclientclientclient'];
    const scene = new CallScene()
      .sip(0, 'INVITE sip:bob@example.com', { way: SIP_WAY, sdp: sdpOf(CLIENT, ...ice) })
      .sip(1, '200 OK', {
        way: BACK_WAY,
        toTag: 'b',
        sdp: sdpOf(SERVER, 'a=ice-ufrag:server', 'a=ice-pwd:serverserverserverserver'),
      })
      .rtp(100, 2000, [MAPPING, SERVER])
      .rtp(100, 2000, [ATTACKER, SERVER], { ssrc: 0xbad });
    for (const [i, source] of [MAPPING, ATTACKER].entries()) {
      const check = {
        recipient: 'client',
        sender: 'server',
        priority: 1,
        tieBreaker: new Uint8Array(8),
        transaction: transaction(i),
      };
      const password = asciiBytes('clientclientclientclient');
      scene.datagram(50, [SERVER, source], encodeIceCheck(check, password, hmacSha1));
      const answer = { mapped: at(SERVER), transaction: transaction(i) };
      const known = source === MAPPING ? password : asciiBytes('guessguessguessguessguess');
      scene.datagram(51, [source, SERVER], encodeIceResponse(answer, known, hmacSha1));
    }
    const report = scene.report();
    const stream = streamOf(report, MAPPING, SERVER);
    assert.equal(stream.latch.kind, 'ice');
    assert.deepEqual(stream.latch.integrity, { valid: 3, invalid: 1 });
    assert.deepEqual(stream.latch.verified, [MAPPING]);
    assert.deepEqual(
      stream.intruders.map(({ source, reason }) => [source, reason]),
      [[ATTACKER, 'unverified']],
    );
    assert.doesNotMatch(JSON.stringify(report), /clientclient|serverserver/);
  });

  it('a check that proves nothing does not count as ICE of the server', () => {
    const report = natted()
      .rtp(100, 500, [MAPPING, SERVER])
      .datagram(90, [MAPPING, SERVER], new Uint8Array(40))
      .report();
    assert.equal(report.streams[0]?.latch.kind, 'none');
  });

  it('floods cost a bounded amount and are counted as left out', () => {
    const scene = new CallScene();
    for (let i = 0; i < 6000; i++) scene.rtp(i, i + 1, ['192.0.2.9:9', `192.0.2.1:${1 + i}`], { ssrc: i });
    scene.rtp(7000, 8000, ['192.0.2.9:9', '192.0.2.1:65000'], { ssrc: 77 });
    for (let i = 0; i < 100; i++)
      scene.rtp(7001 + i, 7002 + i, [`198.51.100.${i}:7`, '192.0.2.1:65000'], { ssrc: 77 });
    const { streams, leftOut } = scene.report();
    assert.equal(streams.length, 1);
    assert.equal(streams[0]?.sources.length, 64);
    assert.equal(streams[0]?.packets, 150);
    assert.equal(leftOut.streams, 6001 - 4096);
  });
});

function transaction(i: number): Uint8Array {
  return new Uint8Array(12).fill(i + 1);
}
