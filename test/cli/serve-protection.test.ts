// What protects a call, in the words of `latchkey serve`: the events and the counters say one of six.
import assert from 'node:assert/strict';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { TerminalOptions } from '../../lib/phone/terminal.js';
import { masterKey, sealed, sender } from '../srtp/master-keys.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { makeRtp } from '../support/media.js';
import { mediaPort, RawPhone } from './raw-phone.js';
import { CommandProcess, ServerProcess } from './server-process.js';
import type { Printed } from './server-process.js';

const SUITE = 'AES_CM_128_HMAC_SHA1_80';

/** Of one call, component 1. */
interface Said {
  readonly answered: unknown[];
  /** `event protection` of those that name one, but `closed`. */
  readonly path: string[];
  readonly closed: unknown;
}

function saidOf(server: ServerProcess, call: unknown): Said {
  const events = server.events.filter((event) => event['call'] === call && (event['component'] ?? 1) === 1);
  const of = (name: string): Printed[] => events.filter(({ event }) => event === name);
  return {
    answered: of('answered').map(({ protection }) => protection),
    path: events
      .filter(({ event }) => ['verified', 'direct', 'rebound', 'legacy'].includes(event))
      .map(({ event, protection = '' }) => `${event} ${String(protection)}`.trim()),
    closed: of('closed')[0]?.['protection'],
  };
}

async function terminalCall(server: ServerProcess, more: Partial<TerminalOptions> = {}): Promise<unknown> {
  const parsed = parseCallUri(`sip:echo@127.0.0.1:${server.port('udp')};transport=udp`);
  assert.ok(parsed.ok);
  const terminal = startTerminal({ uri: parsed.uri, listen: '127.0.0.1', ...more });
  await terminal.answered;
  const id = terminal.session?.call;
  await server.event('verified', ({ call }) => call === id);
  await terminal.hangUp();
  return id;
}

async function plainCall(server: ServerProcess): Promise<unknown> {
  const phone = await RawPhone.open(server.port('udp'));
  const { body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp() });
  phone.sendRun(body);
  await phone.rtp(3);
  await phone.ask('BYE');
  phone.close();
  return phone.callId;
}

async function iceCall(server: ServerProcess): Promise<unknown> {
  const ice = new IcePhone('raw');
  const phone = await RawPhone.open(server.port('udp'));
  const { body } = await phone.ask('INVITE', { user: 'echo', body: phone.sdp('a=rtcp-mux', ...ice.lines) });
  ice.readAnswer(body);
  const port = mediaPort(body);
  phone.media.on('message', (bytes) => {
    const check = readServerCheck(bytes, ice.pwd);
    if (check) phone.media.send(ice.answer(check, { address: '127.0.0.1', port }), port, '127.0.0.1');
  });
  phone.media.send(ice.check({ isNominating: true }), port, '127.0.0.1');
  await server.event('verified', ({ call }) => call === phone.callId);
  await phone.ask('BYE');
  phone.close();
  return phone.callId;
}

async function srtpCall(server: ServerProcess): Promise<unknown> {
  const phone = await RawPhone.open(server.port('udp'));
  const master = masterKey(SUITE);
  const key = Buffer.from([...master.key, ...master.salt]).toString('base64');
  const { body } = await phone.ask('INVITE', {
    user: 'echo',
    body: phone.sdp(`a=crypto:1 ${SUITE} inline:${key}`),
  });
  const packet = makeRtp({ ssrc: 1, sequence: 1, timestamp: 1 });
  phone.media.send(sealed(sender(master).protectRtp(packet)), mediaPort(body), '127.0.0.1');
  await server.event('verified', ({ call }) => call === phone.callId);
  await phone.ask('BYE');
  phone.close();
  return phone.callId;
}

describe('latchkey serve: what protects a call', () => {
  after(() => CommandProcess.killAll());

  it('latch, ice, srtp, direct and none stand in its events and its counters', async () => {
    const server = await ServerProcess.start();
    const direct = await terminalCall(server);
    const behindNat = await terminalCall(server, { signalled: { address: '127.0.0.2' } });
    const ice = await iceCall(server);
    const srtp = await srtpCall(server);
    const none = await plainCall(server);
    await server.stop();
    assert.deepEqual(saidOf(server, direct), {
      answered: ['latch'],
      path: ['verified latch', 'direct latch'],
      closed: 'direct',
    });
    assert.deepEqual(saidOf(server, behindNat), {
      answered: ['latch'],
      path: ['verified latch'],
      closed: 'latch',
    });
    assert.deepEqual(saidOf(server, ice), {
      answered: ['ice'],
      path: ['verified ice', 'direct ice'],
      closed: 'ice',
    });
    assert.deepEqual(saidOf(server, srtp), {
      answered: ['srtp'],
      path: ['verified srtp', 'direct srtp'],
      closed: 'srtp',
    });
    assert.deepEqual(saidOf(server, none), { answered: ['evidence'], path: [], closed: 'evidence' });
    const protections = { latch: 1, ice: 1, srtp: 1, direct: 1, evidence: 1, legacy: 0, none: 0 };
    assert.deepEqual(server.events.at(-1)?.['protections'], protections);
  });

  it('legacy does, where the policy allows it', async () => {
    const server = await ServerProcess.start('--policy', 'blind');
    const legacy = await plainCall(server);
    await server.stop();
    assert.deepEqual(saidOf(server, legacy), { answered: ['legacy'], path: ['legacy'], closed: 'legacy' });
    const counters = server.events.at(-1);
    const protections = { latch: 0, ice: 0, srtp: 0, direct: 0, evidence: 0, legacy: 1, none: 0 };
    assert.deepEqual([counters?.['protections'], counters?.['legacy']], [protections, 1]);
  });

  it('blind latches no data: nothing tells the first who sends some from anybody else', async () => {
    const server = await ServerProcess.start('--policy', 'blind', '--media', '22000-22099');
    const phone = await RawPhone.open(server.port('udp'));
    const data = `${phone.sdp()}m=application 5000 udp wb\r\n`;
    const { body } = await phone.ask('INVITE', { user: 'echo', body: data });
    const [, port = ''] = /^m=application (\d+)/m.exec(body) ?? [];
    phone.media.send(Buffer.from('a line'), Number(port), '127.0.0.1');
    phone.sendRtp(body, 1);
    await phone.rtp(1);
    await phone.ask('BYE');
    phone.close();
    await server.stop();
    const latched = server.events.filter(({ event }) => event === 'legacy');
    assert.deepEqual(
      latched.map(({ media }) => media),
      [0],
    );
    const [closed] = server.events.filter(({ event, media }) => event === 'closed' && media === 1);
    assert.deepEqual([closed?.['received'], closed?.['delivered']], [1, 0]);
  });

  it('answered names the session, the call and the room, once for what protects it', async () => {
    const server = await ServerProcess.start();
    const phone = await RawPhone.open(server.port('udp'));
    await phone.ask('INVITE', { user: 'tea', body: phone.sdp() });
    await phone.ask('INVITE', { user: 'tea', body: phone.sdp('a=inactive') });
    await phone.ask('BYE');
    phone.close();
    await server.stop();
    const session = server.events.find(({ event }) => event === 'session')?.['session'];
    const answered = server.events.filter(({ event }) => event === 'answered');
    const time = answered[0]?.['time'];
    assert.deepEqual(answered, [
      {
        time,
        level: 'info',
        event: 'answered',
        session,
        call: phone.callId,
        room: 'tea',
        protection: 'evidence',
      },
    ]);
  });
});
