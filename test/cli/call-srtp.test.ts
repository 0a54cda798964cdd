// `latchkey call --srtp` at `latchkey serve`: latch says where the caller is, and the media is SRTP both ways.
import assert from 'node:assert/strict';
import type { CallSummary } from '../../lib/phone/terminal.js';
import { CommandProcess, ServerProcess } from './server-process.js';

describe('latchkey call --srtp', () => {
  afterEach(() => CommandProcess.killAll());

  const call = (server: ServerProcess, ...args: string[]) =>
    new CommandProcess(
      ...['call', `sip:echo@127.0.0.1:${server.port('tls')};transport=tls`],
      ...['--ca', String(server.listening.certificate), '--json', '--duration', '1.5', ...args],
    ).ended();

  it('is served where SRTP is required, and who has none is refused', async () => {
    const server = await ServerProcess.start('--srtp', 'require', '--policy', 'require');
    const { code, stdout, stderr } = await call(server, '--srtp');
    assert.equal(code, 0, stderr);
    const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as CallSummary;
    assert.ok(summary.verified && summary.received > 30, stdout);
    assert.equal((await server.event('closed')).protection, 'direct');
    const bare = await call(server);
    assert.equal(bare.code, 1);
    assert.match(bare.stderr, /488 .*audio is taken as SRTP only/);
  });

  it('is refused where SRTP is off: it takes nothing less', async () => {
    const server = await ServerProcess.start('--srtp', 'off');
    const refused = await call(server, '--srtp');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /488 .*audio is taken as RTP\/AVP or RTP\/AVPF only/);
  });
});
