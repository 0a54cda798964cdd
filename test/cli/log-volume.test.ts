// How much `serve` writes. 1,000 calls at a time may not make more than 100 MB of log a day at the level that is there unless asked. It
// is computed from what real calls of each kind make a real server print: the bytes of a call's beginning, one rebinding, one hold and its
// end; calls last half an hour, so that an hour has two of each, and a day 24 hours of that, and 1,440 lines of counters.
import assert from 'node:assert/strict';
import { RawPhone } from './raw-phone.js';
import { CommandProcess, ServerProcess } from './server-process.js';

const MB = 1e6;
const CALLS = 1000;
const CALLS_AN_HOUR = 2;
/** The default pace of the line `counters`, as the README has it: each minute. */
const COUNTERS_A_DAY = 24 * 60;

after(() => CommandProcess.killAll());

describe('the log of serve', function () {
  this.timeout(60_000);

  it('has under 100 MB a day of 1,000 calls at a time', async () => {
    const server = await ServerProcess.start();
    const size = () => server.events.reduce((sum, one) => sum + JSON.stringify(one).length + 1, 0);
    const quiet = size();
    // A plain phone without rtcp-mux: each of its two components has lines of its own.
    const plain = await RawPhone.open(server.port('udp'));
    const answer = await plain.ask('INVITE', { user: 'room', body: plain.sdp() });
    for (let sequence = 1; sequence < 10; sequence++) plain.sendRtp(answer.body, sequence);
    await plain.ask('INVITE', { body: plain.sdp('a=inactive') });
    await plain.ask('INVITE', { body: plain.sdp() });
    await plain.ask('BYE');
    await server.event('closed', ({ component }) => component === 2);
    const ofPlain = size() - quiet;
    // One that proves its address, and whose NAT gives it another port in mid call.
    const uri = `sip:room@127.0.0.1:${server.port('tls')}`;
    const client = new CommandProcess('call', uri, '--insecure', '--json', '--commands', '--duration', '5');
    await client.event('verified');
    client.tell('hold', 'resume', 'move');
    await server.event('rebound');
    client.tell('bye');
    await client.ended();
    const ofLatch = size() - quiet - ofPlain;
    await server.stop();
    const counters = JSON.stringify(server.events.at(-1)).length + 1;

    assert.equal(server.events.at(-1)?.['calls'], 0);
    const ofCall = Math.max(ofPlain, ofLatch);
    assert.ok(Math.min(ofPlain, ofLatch) > 500, `${ofPlain} and ${ofLatch} bytes: is anything told?`);
    const ofCallHour = ofCall * CALLS_AN_HOUR;
    const ofDay = CALLS * 24 * ofCallHour + COUNTERS_A_DAY * counters;
    const sum = `${ofPlain} bytes a plain call, ${ofLatch} a latched one, ${counters} a line of counters: ${Math.round(ofDay / MB)} MB a day`;
    assert.ok(ofDay < 100 * MB, sum);
    if (process.env['LATCHKEY_TELL']) console.log(`      ${sum}`);
  });
});
