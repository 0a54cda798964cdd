// The product on a real Linux NAT: symmetric, rebinding in mid call, with an attacker on the public side. The server and
// the client are the processes that a user would start.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { jsonLines } from './json-lines.js';
import type { Line } from './json-lines.js';
import { ATTACKER, CLIENT, Lab, NAT, SERVER, whyNoLab } from './lab.js';

const ATTACK = fileURLToPath(new URL('attacker.mjs', import.meta.url));

describe('a real NAT, in network namespaces', function () {
  this.timeout(60_000);
  let lab: Lab;

  beforeEach(function () {
    const reason = whyNoLab();
    if (reason !== undefined && process.env.CI === 'true') assert.fail(`the lab ${reason}`);
    if (reason !== undefined) {
      this.currentTest!.title += ` (skipped: ${reason})`;
      this.skip();
    }
    lab = new Lab();
  });

  afterEach(() => lab?.close());

  async function scene(policy: 'prefer' | 'legacy', client: string) {
    const listen = ['--listen', SERVER, '--media', '40000-40009', '--policy', policy, '--duration', '14'];
    const server = jsonLines(lab.latchkey('pub', 'serve', '--json', ...listen));
    const { certificate } = await server.has('listening');
    const attack = jsonLines(lab.spawn('att', process.execPath, ATTACK, SERVER, '40000', '40009', '9'));
    const trust = client.endsWith('tls') ? ['--ca', String(certificate)] : [];
    const call = jsonLines(lab.latchkey('cliA', 'call', client, ...trust, '--duration', '6', '--json'));
    await call.has('answered');
    await new Promise((resolve) => setTimeout(resolve, 3000)); // half of the call, on a real clock
    lab.rebind();
    await call.end;
    await attack.end;
    const [attacker] = attack.all as [{ sent: number; stolen: number }];
    return { server, summary: call.all.at(-1) as Line, attacker };
  }

  it('verified behind a symmetric NAT, back after a rebinding, and nothing to the attacker', async () => {
    const { server, summary, attacker } = await scene('prefer', `sip:echo@${SERVER}:5061;transport=tls`);
    assert.ok(attacker.sent > 1000);
    assert.equal(attacker.stolen, 0, 'packets stolen');
    const verified = server.all.find((line) => line.event === 'verified');
    assert.equal(verified?.nat, 'both');
    assert.match(String(verified?.signalled), new RegExp(`^${CLIENT}:`));
    assert.match(String(verified?.mapping), new RegExp(`^${NAT}:2`));
    const rebound = server.all.find((line) => line.event === 'rebound');
    assert.match(String(rebound?.mapping), new RegExp(`^${NAT}:3`));
    assert.ok(
      !server.all.some((line) => line.event === 'verified' && String(line.remote).startsWith(ATTACKER)),
    );
    const [stream] = summary.streams as { lost: number; maxGapMs: number }[];
    assert.ok(stream && stream.maxGapMs < 500, `longest silence ${stream?.maxGapMs} ms`);
    assert.equal((summary.streams as unknown[]).length, 1, 'nothing injected: one stream only');
  });

  it('positive control: blind latching in the same lab loses the call to the same attacker', async () => {
    // Over plain TCP no secret may travel, so the peer has no latch and the policy is blind latching.
    const { attacker } = await scene('legacy', `sip:echo@${SERVER}:5060;transport=tcp`);
    assert.ok(attacker.stolen > 0, 'the attacker was echoed its own packets at least');
  });
});
