// Kamailio between callers behind NATs and servers of latchkey: it passes what is ours byte for byte, each side judges its own hop,
// and whose Via is believed is for `--proxy` to say (protocol.md 2 and 8).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { skipBecause, whyNoClient } from '../clients/client-programs.js';
import { bodyOf, firstLineOf, header, isAnswer, latchOf, whyNoKamailio } from '../clients/kamailio.js';
import type { PassedMessage } from '../clients/kamailio.js';
import type { JsonLines, Line } from './json-lines.js';
import { ATTACKER, CLIENT, NAT, NAT_B, PROXY, SERVER, whyNoLab } from './lab.js';
import { ProxyScene } from './proxy-scene.js';
import { ALL } from './scenarios.js';

const whyNot = () => whyNoLab() ?? whyNoClient('baresip') ?? whyNoKamailio();

/** The messages of the call that was made for this user by this transport: all that share the Call-ID of its INVITE. */
function callTo(user: string, transport: string, messages: readonly PassedMessage[]): PassedMessage[] {
  const invite = messages.findLast(
    (one) => one.way === 'in' && one.transport === transport && one.text.startsWith(`INVITE sip:${user}@`),
  );
  assert.ok(invite, `a call to ${user}`);
  return messages.filter((one) => header('Call-ID', one) === header('Call-ID', invite));
}

/** Which messages of a call carry what is ours. */
const latched = (messages: readonly PassedMessage[]) =>
  messages
    .filter((one) => latchOf(one).length > 0)
    .map((one) => `${/^SIP/.test(one.text) ? 'answer' : 'offer'} ${one.way} by ${one.transport}`);

/** Whatever came with a body has left with these bytes, and nothing else has left. */
function assertPassed(messages: readonly PassedMessage[]): void {
  const bodies = (way: 'in' | 'out') =>
    messages
      .filter((one) => one.way === way && bodyOf(one) !== '')
      .map(
        (one) => `${header('CSeq', one)} ${/^SIP/.test(one.text) ? firstLineOf(one) : ''}\n${bodyOf(one)}`,
      );
  assert.ok(bodies('in').length >= 2, 'an offer and an answer');
  assert.deepEqual(bodies('out').sort(), bodies('in').sort());
}

/** The RTP of the newest call with this protection has come to that, since then. */
async function mappingOf(
  server: JsonLines,
  event: string,
  protection: string,
  sinceMs: number,
): Promise<string> {
  const line = await server.has(
    event,
    (one) => one.component === 1 && one.protection === protection && Date.parse(String(one.time)) >= sinceMs,
  );
  return String(line.mapping);
}

for (const isHiding of [false, true])
  describe(`kamailio, record-routing${isHiding ? ', with topoh' : ''}`, function () {
    this.timeout(60_000);
    let scene: ProxyScene | undefined;

    before(async function () {
      const reason = whyNot();
      if (reason !== undefined) {
        assert.notEqual(process.env.CI, 'true', reason);
        return;
      }
      scene = await ProxyScene.open({ isHiding }, 'over', 'told', 'untold', 'home', 'stranger');
    });
    beforeEach(function () {
      skipBecause(this, whyNot());
    });
    after(() => scene?.close());

    it('TLS on both sides: latch and ICE through two NATs that rebind, and every attribute as it was sent', async () => {
      const server = scene!.server('over');
      const [sinceMs, passedBefore] = [Date.now(), scene!.messages().length];
      const calls = Promise.all([
        scene!.call('cliA', 'over', 'tls', ['--duration', '3']),
        scene!.phone('cliB', 'over', { transport: 'tls', durationS: 3 }),
      ]);
      const callers = [
        ['latch', NAT],
        ['ice', NAT_B],
      ] as const;
      for (const [protection, nat] of callers)
        assert.ok((await mappingOf(server, 'verified', protection, sinceMs)).startsWith(`${nat}:`));
      scene!.lab.rebind('natA');
      scene!.lab.rebind('natB');
      const [call, phone] = await calls;
      for (const [protection, nat] of callers)
        assert.match(await mappingOf(server, 'rebound', protection, sinceMs), new RegExp(`^${nat}:`));
      assert.deepEqual(
        [call.answered?.['signalling'], call.answered?.['protection']],
        ['encrypted', 'latch'],
      );
      assert.ok(Number(call.summary?.['received']) > 100, `${String(call.summary?.['received'])} of 150`);
      assert.ok(phone.sent > 100 && phone.received > 100, `${phone.sent} sent, ${phone.received} received`);

      const messages = scene!.messages().slice(passedBefore);
      assertPassed(messages);
      assert.deepEqual(latched(messages), [
        'offer in by tls',
        'offer out by tls',
        'answer in by tls',
        'answer out by tls',
      ]);
      const hidden = messages.filter(({ way, text }) => way === 'out' && text.includes('127.0.0.8'));
      assert.equal(hidden.length > 0, isHiding);
    });

    it('in clear between: the secret goes there only by the Via of a proxy that has been named, and a key had over HTTPS always', async () => {
      const [told, untold, clear, keyed] = await Promise.all([
        scene!.call('cliA', 'told', 'tls', ['--duration', '1']),
        scene!.call('cliA', 'untold', 'tls', ['--duration', '1']),
        scene!.call('cliB', 'told', 'udp', ['--duration', '1']),
        scene!.call('cliB', 'untold', 'udp', ['--duration', '1', ...scene!.keyOptions]),
      ]);
      // What topoh shows in place of the phone's Via says UDP.
      assert.equal(told.answered?.['protection'], isHiding ? undefined : 'latch');
      assert.equal(told.summary?.['verified'], isHiding ? undefined : true);
      assert.equal(untold.answered?.['protection'], 'none');
      assert.equal(clear.answered, undefined);
      assert.equal(keyed.answered?.['protection'], 'latch');
      assert.equal(keyed.summary?.['verified'], true);

      const messages = scene!.messages();
      const offer = ['offer in by tls', 'offer out by udp'];
      const both = [...offer, 'answer in by udp', 'answer out by tls'];
      assert.deepEqual(latched(callTo('told', 'tls', messages)), isHiding ? offer : both);
      // The proxy has taken it there: that much is its owner's to see to.
      assert.deepEqual(latched(callTo('untold', 'tls', messages)), offer);
      assert.deepEqual(latched(callTo('told', 'udp', messages)), []);
      const named = callTo('untold', 'udp', messages).filter((one) => latchOf(one).length > 0);
      assert.equal(named.length, 4);
      assert.ok(named.every((one) => latchOf(one).some((line) => line.includes(' kid='))));
      assertPassed(named);
    });

    it('home is what the proxy has seen, where the proxy has been named, and never what a phone says', async () => {
      const told = (name: 'home' | 'stranger') => sessionsOf(scene!.server(name));
      const [atHome, atStranger] = [told('home').length, told('stranger').length];
      for (const user of ['home', 'stranger'])
        for (const transport of ['tls', 'udp'] as const) await scene!.call('cliA', user, transport);
      const forged = `SIP/2.0/UDP ${CLIENT}:5060;received=${ATTACKER}`;
      assert.match(await scene!.ask('cliA', invite('home', forged)), /^SIP\/2\.0 486 /);
      assert.match(await scene!.ask('cliA', invite('homeOver', forged)), /^SIP\/2\.0 486 /);
      const address = isHiding ? {} : { address: NAT };
      assert.deepEqual(
        told('home').slice(atHome),
        [isHiding ? 'clear' : 'encrypted', 'clear', 'clear', 'encrypted'].map((signalling) => ({
          signalling,
          peer: { ...address, transport: 'proxy' },
        })),
      );
      const proxy = { signalling: 'clear', peer: { address: PROXY, transport: 'udp' } };
      assert.deepEqual(told('stranger').slice(atStranger), [proxy, proxy]);
    });

    async function lateAcknowledged(): Promise<void> {
      const call = await scene!.call('cliA', 'lossy', 'tls', ['--duration', '3']);
      assert.equal(call.summary?.['verified'], true);
      assert.ok(Number(call.summary?.['received']) > 100, `${String(call.summary?.['received'])} of 150`);
      const messages = callTo('lossy', 'tls', scene!.messages());
      const answers = messages.filter((one) => one.way === 'in' && isAnswer(one));
      assert.equal(answers.length, 3, 'at 0, 500 and 1500 ms');
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      const acks = (way: 'in' | 'out') =>
        messages.filter((one) => one.way === way && one.text.startsWith('ACK ')).length;
      assert.deepEqual([acks('in'), acks('out')], [3, 1]);
    }
    if (!isHiding || ALL)
      it(
        'two ACKs that get lost: the 200 comes again, byte for byte, and the call goes on',
        lateAcknowledged,
      );

    async function neverAcknowledged(): Promise<void> {
      const users = isHiding ? ['deafOver'] : ['deaf', 'deafOver'];
      const calls = await Promise.all(
        users.map((user) => scene!.call('cliA', user, 'tls', ['--duration', '50'])),
      );
      const endMs = Date.now();
      const messages = scene!.messages();
      for (const [i, user] of users.entries()) {
        assert.equal(calls[i]!.summary?.['verified'], true);
        assert.ok(Number(calls[i]!.summary?.['received']) > 1400, 'media did not wait for the ACK');
        const call = callTo(user, 'tls', messages);
        assert.equal(call.filter((one) => one.way === 'in' && isAnswer(one)).length, 11);
        const byes = call.filter(({ text }) => text.startsWith('BYE '));
        assert.deepEqual(
          byes.map(({ way, source }) => [way, source.split(':')[0]]),
          [
            ['in', SERVER],
            ['out', PROXY],
          ],
        );
      }
      for (const name of ['told', 'over'] as const) {
        const isLater = ({ time }: Line) => Date.parse(String(time)) > endMs;
        const counters = await scene!.server(name).has('counters', isLater);
        assert.equal(counters.calls, 0, name);
      }
    }
    if (ALL)
      it('no ACK ever: the 200 comes for 32 s, then BYE, and of the call nothing is left', neverAcknowledged);

    async function heldAndMoved(): Promise<void> {
      const name = isHiding ? 'over' : 'told';
      const { summary } = await scene!.call(
        'cliA',
        name,
        'tls',
        ['--duration', '4'],
        ['hold', 'resume', 'move'],
      );
      assert.equal(summary?.['verified'], true);
      const messages = callTo(name, 'tls', scene!.messages());
      const [invites, answers] = [
        messages.filter(({ text }) => text.startsWith('INVITE ')),
        messages.filter(isAnswer),
      ];
      assert.deepEqual([invites.length, answers.length], [6, 6], 'three offers and answers, each in and out');
      for (const each of [invites, answers])
        assert.equal(new Set(each.map((one) => latchOf(one)[0])).size, 1, 'a re-offer changes nothing');
      const events = scene!.server(name).all.map(({ event }) => event);
      assert.ok(events.includes('rebound') && !events.includes('downgraded'));
    }
    if (ALL) it('hold, resume and another port of the phone: the keys stay as they were', heldAndMoved);

    it('a Via that claims TLS over UDP does not get past the proxy', async () => {
      const before = sessionsOf(scene!.server('home')).length;
      const lie = invite('home', `SIP/2.0/TLS ${CLIENT}:5060`);
      assert.match(await scene!.ask('cliA', lie), /^SIP\/2\.0 400 /);
      assert.equal(sessionsOf(scene!.server('home')).length, before);
    });
  });

/** What a server of home-teller.mjs has said of each INVITE. */
function sessionsOf(server: JsonLines) {
  return server.all
    .filter(({ event }) => event === 'session')
    .map(({ signalling, peer }) => ({ signalling, peer }));
}

function invite(user: string, via: string): string {
  const body = `v=0\r\no=- 1 1 IN IP4 ${CLIENT}\r\ns=-\r\nc=IN IP4 ${CLIENT}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n`;
  const id = randomBytes(8).toString('hex');
  return [
    `INVITE sip:${user}@${PROXY} SIP/2.0`,
    `Via: ${via};rport;branch=z9hG4bK${id}`,
    `From: <sip:a@${CLIENT}>;tag=${id}`,
    `To: <sip:${user}@${PROXY}>`,
    `Call-ID: ${id}`,
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    `Contact: <sip:a@${CLIENT}:5060>`,
    'Content-Type: application/sdp',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}
