// The sip.js server of docs/examples behind kamailio, registered there over WSS: phones behind NATs call it through the proxy, by
// TLS and by UDP, and it follows them. Registered twice, a call for it is forked.
import assert from 'node:assert/strict';
import { skipBecause, whyNoClient } from '../clients/client-programs.js';
import { isAnswer, latchOf, toTagOf, whyNoKamailio } from '../clients/kamailio.js';
import { NAT, NAT_B, SERVER, whyNoLab } from './lab.js';
import { ProxyScene } from './proxy-scene.js';
import type { Output } from './proxy-scene.js';
import { ALL } from './scenarios.js';

const whyNot = () => whyNoLab() ?? whyNoClient('baresip') ?? whyNoKamailio();
const said = (event: string, address: string) =>
  new RegExp(`^${event} \\{ address: '${address}', port: `, 'gm');
/** Whom it has heard so far, by SSRC. */
const heardBy = ({ text }: Output) =>
  text
    .match(/^hears.*$/gm)
    ?.at(-1)
    ?.split(' ')
    .slice(1) ?? [];

describe('a sip.js server behind kamailio', function () {
  this.timeout(60_000);
  let scene: ProxyScene | undefined;
  let first: Output;

  before(async () => {
    if (whyNot() !== undefined) return;
    scene = await ProxyScene.open({});
    first = await scene.registered();
  });
  beforeEach(function () {
    skipBecause(this, whyNot());
  });
  after(() => scene?.close());

  it('baresip with ICE, rtcp-mux and not, and latchkey call: media both ways, and a rebinding of each', async () => {
    const calls = Promise.all([
      scene!.phone('cliA', 'web', { transport: 'tls', hasMux: true, durationS: 4 }),
      scene!.phone('cliB', 'web', { transport: 'udp', hasMux: false, durationS: 4 }),
      scene!.call('cliA', 'web', 'tls', ['--duration', '4']),
    ]);
    // Of the one without rtcp-mux both components.
    await Promise.all([NAT, NAT_B].map((nat) => first.has(said('verified', nat), 2)));
    scene!.lab.rebind('natA');
    scene!.lab.rebind('natB');
    const [muxed, apart, call] = await calls;
    assert.ok(first.count(said('rebound', NAT)) >= 2, first.text);
    assert.ok(first.count(said('rebound', NAT_B)) >= 1, first.text);
    for (const { sent, received } of [muxed, apart])
      assert.ok(sent > 120 && received > 120, `${sent} sent, ${received} received`);
    assert.equal(call.answered?.['protection'], 'latch');
    assert.ok(Number(call.summary?.['received']) > 120, String(call.summary?.['received']));
    assert.equal(heardBy(first).length, 3, 'it has heard them all');
  });

  it('forked to two that answer at once and one that rings: a secret for each, one talks, the others are let go', async () => {
    const [second, ringing] = await Promise.all([scene!.registered(), scene!.ringing('cliA', 'web')]);
    const [passedBefore, heardBefore] = [scene!.messages().length, heardBy(first).length];
    const server = scene!.calling('web', 'echo');
    await server.has('callout', ({ status }) => status === 200);
    await server.has('verified', ({ protection }) => protection === 'latch');
    await Promise.race([first, second].map((one) => one.has(said('verified', SERVER))));

    const messages = () => scene!.messages().slice(passedBefore);
    const answers = (status: number, method: string) =>
      messages().filter(
        ({ way, text }) =>
          way === 'in' &&
          text.startsWith(`SIP/2.0 ${status} `) &&
          new RegExp(`^CSeq: *\\d+ ${method}`, 'm').test(text),
      );
    // Kamailio has cancelled the slower one; it may have answered before it knew.
    const ends = () => answers(487, 'INVITE').length + answers(200, 'BYE').length;
    while (ends() < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    const taken = answers(200, 'INVITE');
    assert.equal(new Set(taken.map((one) => latchOf(one).join())).size, taken.length, 'each has its own');
    const winner = taken.find((one) => toTagOf(one) !== toTagOf(answers(200, 'BYE')[0]));
    assert.ok(winner);
    const acknowledged = messages().filter(({ way, text }) => way === 'in' && text.startsWith('ACK '));
    assert.ok(taken.every((one) => acknowledged.some((ack) => toTagOf(ack) === toTagOf(one))));
    assert.equal(server.all.filter(({ event }) => event === 'callout').length, 1);
    await ringing.has(/session closed/g);
    assert.doesNotMatch(ringing.text, /Call established/);
    const heard = () => heardBy(first).length - heardBefore + heardBy(second).length;
    while (heard() === 0) await second.more();
    assert.equal(heard(), 1, 'one hears its echo');
  });

  async function registeredInClear(): Promise<void> {
    const clear = await ProxyScene.open({});
    try {
      const program = await clear.registered('ws');
      const [phone, call] = await Promise.all([
        clear.phone('cliB', 'web', { transport: 'tls', durationS: 3 }),
        clear.call('cliA', 'web', 'tls', ['--duration', '3']),
      ]);
      assert.ok(phone.sent > 100 && phone.received > 100, `${phone.sent} sent, ${phone.received} received`);
      assert.equal(program.count(said('verified', NAT_B)), 2);
      assert.equal(call.answered?.['protection'], 'none');
      const answers = clear.messages().filter((one) => isAnswer(one));
      assert.ok(answers.length > 0 && answers.every((one) => latchOf(one).length === 0));
    } finally {
      clear.close();
    }
  }
  if (ALL) it('registered over WS in clear: ICE as ever, and no secret of its own', registeredInClear);
});
