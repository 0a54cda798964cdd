// The terminal against a server without latch, both in this process: SIP as RFC 3261 has it, media to the SDP address, and
// a clear reason where there is no call.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { playTone } from '../../lib/capture/index.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { Failure } from '../../lib/phone/failure.js';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { parseSdp } from '../../lib/wire/index.js';
import { until } from '../net/sockets.js';
import { PlainServer, unrefLongTimers } from '../cli/plain-server.js';

describe('the terminal and a server without latch', () => {
  let server: PlainServer;
  const terminals: Terminal[] = [];
  let refTimers: () => void;

  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());

  beforeEach(async () => (server = await PlainServer.start()));
  afterEach(async () => {
    await Promise.all(terminals.splice(0).map((terminal) => terminal.hangUp()));
    server.close();
  });

  function start(more: Partial<TerminalOptions> = {}, uriText = server.uri()): Terminal {
    const parsed = parseCallUri(uriText);
    assert.ok(parsed.ok);
    const terminal = startTerminal({ uri: parsed.uri, ...more });
    terminals.push(terminal);
    return terminal;
  }

  async function failureOf(terminal: Terminal): Promise<string> {
    const failure: unknown = await terminal.answered.catch((error: unknown) => error);
    assert.ok(failure instanceof Failure, String(failure));
    assert.equal(failure.exitCode, 1);
    return failure.message;
  }

  for (const transport of ['udp', 'tcp'])
    it(`calls, plays, hears and hangs up over ${transport}`, async () => {
      const terminal = start({ durationMs: 300 }, server.uri('room', transport));
      const protection = await terminal.answered;
      assert.equal(protection.kind, 'none');
      assert.equal(protection.suite, undefined);
      assert.equal(protection.signalling, 'loopback');
      const summary = await terminal.ended;
      assert.equal(summary.verified, false);
      assert.equal(summary.mapping, null);
      assert.equal(summary.nat, null);
      assert.ok(summary.sent >= 10, `${summary.sent} sent`);
      assert.equal(summary.received, summary.sent);
      assert.deepEqual(
        summary.streams.map(({ ssrc, packets, lost }) => [ssrc, packets, lost]),
        [[terminal.ssrc, summary.sent, 0]],
      );
      assert.equal(server.of('ACK').length, 1);
      assert.equal(server.of('BYE').length, 1);
    });

  it('plays what it is given, under an SSRC of its own', async () => {
    const terminal = start({ media: playTone(0.1, { ssrc: 7 }), durationMs: 250 });
    const { streams } = await terminal.ended;
    assert.equal(streams[0]?.ssrc, terminal.ssrc);
    assert.notEqual(terminal.ssrc, 7);
  });

  it('says nothing before it may, and plays when it is unmuted', async () => {
    const terminal = start();
    terminal.mute(true);
    await terminal.answered;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(server.heard.length, 0);
    terminal.mute(false);
    await until(() => server.heard.length > 3);
  });

  it('signals another address where it is told so', async () => {
    const terminal = start({ signalled: { address: '10.1.2.3' }, durationMs: 50 });
    const { signalled } = await terminal.ended;
    const offer = parseSdp(server.of('INVITE')[0]?.content ?? '');
    assert.ok(offer.ok);
    assert.equal(offer.value.media[0]?.address, '10.1.2.3');
    assert.equal(signalled, `10.1.2.3:${offer.value.media[0]?.port}`);
  });

  it('tells of progress', async () => {
    server.onInvite = (invite) => {
      server.respond(invite, 100);
      server.respond(invite, 180);
      server.answer(invite);
    };
    const terminal = start();
    const seen: number[] = [];
    terminal.on('progress', (status) => seen.push(status));
    await terminal.answered;
    assert.deepEqual(seen, [100, 180]);
  });

  it('acknowledges a repeated 200 again', async () => {
    server.onInvite = (invite) => {
      const response = server.answer(invite);
      setTimeout(() => server.respond(invite, 200, response.headers, response.content), 50);
    };
    await start().answered;
    await until(() => server.of('ACK').length === 2);
  });

  it('ends when the server hangs up, and answers its BYE', async () => {
    const terminal = start();
    await terminal.answered;
    await until(() => server.heard.length > 5);
    const by = once(terminal, 'ended');
    assert.equal((await server.request('BYE')).status, 200);
    assert.deepEqual(await by, ['server']);
    assert.ok((await terminal.ended).received > 0);
    assert.equal(server.of('BYE').length, 0);
  });

  it('answers a re-INVITE: on hold it is silent, and speaks again after', async () => {
    const terminal = start();
    await terminal.answered;
    await until(() => server.heard.length > 3);

    const held = await server.request('INVITE', server.sdp('a=sendonly'));
    assert.equal(held.status, 200);
    assert.match(held.content ?? '', /^a=recvonly\r$/m);
    assert.ok(Array.isArray(held.headers.contact));
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = server.heard.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(server.heard.length, before);

    const resumed = await server.request('INVITE', server.sdp('a=sendrecv'));
    assert.match(resumed.content ?? '', /^a=sendrecv\r$/m);
    await until(() => server.heard.length > before + 3);
  });

  it('holds the call: nobody speaks, whatever the server offers meanwhile, until it takes it up again', async () => {
    const directionOf = ({ content = '' }: { content?: string | undefined }) =>
      /^a=(send.*|recv.*|inactive)\r$/m.exec(content)?.[1];
    server.onInvite = (invite) => server.answer(invite, `a=${directionOf(invite)}`);
    const terminal = start();
    await terminal.answered;
    await until(() => server.heard.length > 3);

    await terminal.hold(true);
    const [, held] = server.of('INVITE');
    assert.equal(directionOf(held!), 'inactive');
    assert.equal(held!.headers['call-id'], server.of('INVITE')[0]!.headers['call-id']);
    await until(() => server.of('ACK').length === 2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = server.heard.length;
    const refreshed = await server.request('INVITE', server.sdp('a=sendrecv'));
    assert.equal(directionOf(refreshed), 'inactive');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(server.heard.length, before);

    await terminal.hold(true);
    assert.equal(server.of('INVITE').length, 2, 'it is held already');
    await terminal.hold(false);
    assert.equal(directionOf(server.of('INVITE')[2]!), 'sendrecv');
    await until(() => server.heard.length > before + 3);
  });

  it('goes on as before where the server refuses the hold', async () => {
    const terminal = start();
    await terminal.answered;
    server.onInvite = (invite) => server.respond(invite, 488);
    await assert.rejects(terminal.hold(true), Failure);
    const before = server.heard.length;
    await until(() => server.heard.length > before + 3);
  });

  it('offers its own description where a re-INVITE has none', async () => {
    await start().answered;
    const response = await server.request('INVITE');
    assert.equal(response.status, 200);
    assert.match(response.content ?? '', /^m=audio/m);
  });

  it('refuses a re-INVITE that it cannot take, and the call goes on', async () => {
    await start().answered;
    const video = server.sdp().replace('m=audio', 'm=video');
    assert.equal((await server.request('INVITE', video)).status, 488);
    const before = server.heard.length;
    await until(() => server.heard.length > before + 3);
  });

  it('answers what else may be asked in a dialog', async () => {
    await start().answered;
    assert.equal((await server.request('OPTIONS')).status, 200);
    assert.equal((await server.request('UPDATE')).status, 200);
    assert.equal((await server.request('INFO')).status, 405);
    const stranger = await server.request(
      'BYE',
      undefined,
      ({ headers }) => (headers['call-id'] = 'another'),
    );
    assert.equal(stranger.status, 481);
    const call = await server.request('INVITE', server.sdp(), ({ headers }) => {
      headers['call-id'] = 'yet-another';
      if (headers.to) headers.to = { uri: headers.to.uri };
    });
    assert.equal(call.status, 486);
  });

  const refused: readonly [number, Record<string, string>, RegExp][] = [
    [404, {}, /404 .*no such room/],
    [488, { warning: '399 there "latch is required"' }, /488 .*latch is required$/],
    [503, {}, /: 503$/],
  ];
  for (const [status, headers, why] of refused)
    it(`says why there is no call: ${status}`, async () => {
      server.onInvite = (invite) => server.respond(invite, status, headers);
      const terminal = start();
      assert.match(await failureOf(terminal), why);
      const summary = await terminal.ended;
      assert.equal(summary.sent, 0);
    });

  it('hangs up an answer that it cannot take', async () => {
    server.onInvite = (invite) => {
      const other = server.sdp().replace('RTP/AVP 0', 'RTP/AVP 18');
      server.respond(
        invite,
        200,
        { 'content-type': 'application/sdp', contact: [{ uri: `sip:127.0.0.1:${server.port}` }] },
        other,
      );
    };
    assert.match(await failureOf(start()), /its answer cannot be taken/);
    await until(() => server.of('BYE').length === 1);
  });

  it('cancels a call that is given up while it rings', async () => {
    server.onInvite = (invite) => server.respond(invite, 180);
    const terminal = start();
    await once(terminal, 'progress');
    const ended = terminal.hangUp();
    await until(() => server.of('CANCEL').length === 1);
    const [invite, cancel] = [server.of('INVITE')[0], server.of('CANCEL')[0]];
    assert.equal(cancel?.headers.via?.[0]?.params['branch'], invite?.headers.via?.[0]?.params['branch']);
    assert.ok(invite);
    server.respond(invite, 487);
    assert.match(await failureOf(terminal), /given up|487/);
    await ended;
  });

  it('hangs up where the answer crosses the CANCEL', async () => {
    server.onInvite = (invite) => server.respond(invite, 180);
    const terminal = start();
    await once(terminal, 'progress');
    const ended = terminal.hangUp();
    await until(() => server.of('CANCEL').length === 1);
    const [invite] = server.of('INVITE');
    assert.ok(invite);
    server.answer(invite);
    await until(() => server.of('BYE').length === 1);
    assert.equal(server.of('ACK').length, 1);
    assert.match(await failureOf(terminal), /given up/);
    await ended;
  });

  it('is over at once where it is given up before anybody has answered', async () => {
    server.onInvite = () => undefined;
    const terminal = start();
    await until(() => server.of('INVITE').length > 0);
    await terminal.hangUp();
    assert.match(await failureOf(terminal), /given up/);
    assert.equal(server.of('CANCEL').length, 0);
  });

  it('is over at once where it is given up before its sockets are open', async () => {
    const terminal = start();
    await terminal.hangUp();
    assert.match(await failureOf(terminal), /given up/);
    assert.equal(server.of('INVITE').length, 0);
  });

  it('refuses media that it cannot play', () => {
    const packets = playTone(0.02);
    if (packets[0]) packets[0].bytes[1] = 31;
    assert.throws(() => start({ media: packets }), /payload type 31/);
  });
});
