// The voice agents of docs/examples run as they stand, against the package as it is built, with a local service behind them, called
// by what `latchkey call` is made of.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { playTone } from '../../lib/capture/index.js';
import type { MediaPacket } from '../../lib/capture/index.js';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import type { CallUri } from '../../lib/sip/call-uri.js';
import { DrachtioDaemon } from '../plugins/drachtio-daemon.js';
import { End } from '../plugins/sip-phones.js';
import { root } from './repository.js';
import { VoiceService } from './voice-service.js';

const SILENCE = 0xff;

/** A second of tone; while it goes on, the key 5 is pressed. */
function toneWithDigit(): MediaPacket[] {
  return playTone(1).map((packet, i) => {
    if (i < 20 || i > 25) return packet;
    const bytes = new Uint8Array(16);
    bytes.set(packet.bytes.subarray(0, 12));
    bytes[1] = 101;
    new DataView(bytes.buffer).setUint32(4, 20 * 160);
    bytes.set([5, i > 22 ? 0x8a : 0x0a, 0, 160], 12);
    return { ...packet, bytes };
  });
}

function isLoud(packet: Uint8Array): boolean {
  return packet.subarray(12).some((octet) => octet !== SILENCE);
}

/** An offer of one codec. */
function offerOf(payloadType: number): string {
  const lines = ['v=0', 'o=- 1 1 IN IP4 10.0.0.9', 's=-', 'c=IN IP4 10.0.0.9', 't=0 0'];
  return [...lines, `m=audio 4000 RTP/AVP ${payloadType}`, ''].join('\r\n');
}

/** Of an agent: how it is started, and where it is called then. */
interface Agent {
  readonly args: (service: string, daemon: DrachtioDaemon) => readonly string[];
  readonly isUp: RegExp;
  readonly uri: (output: string, daemon: DrachtioDaemon) => string;
}

const AGENTS: Readonly<Record<string, Agent>> = {
  'voice-agent-sip.ts': {
    args: (service) => [service],
    isUp: /^listening .+$/m,
    uri: (output) => /^listening (.+)$/m.exec(output)?.[1] ?? '',
  },
  'voice-agent-drachtio.ts': {
    args: (service, { port, secret }) => [service, '127.0.0.1', String(port), secret, '127.0.0.1'],
    isUp: /^connected/m,
    uri: (_output, daemon) => daemon.uri('tcp'),
  },
};

for (const [name, agent] of Object.entries(AGENTS))
  describe(`docs: ${name}`, function () {
    this.timeout(30_000);
    let daemon: DrachtioDaemon;
    let service: VoiceService | undefined;
    let program: ChildProcess | undefined;
    let terminal: Terminal | undefined;
    let output = '';

    afterEach(async () => {
      await terminal?.hangUp().catch(() => undefined);
      if (program?.exitCode === null) {
        program.kill();
        await once(program, 'close');
      }
      service?.close();
      await daemon.close();
      service = program = terminal = undefined;
    });

    /** Runs the program. */
    async function run(url: string): Promise<void> {
      daemon = await DrachtioDaemon.start();
      output = '';
      const file = `docs/examples/${name}`;
      program = spawn(process.execPath, ['--import=tsx', file, ...agent.args(url, daemon)], { cwd: root });
      for (const stream of [program.stdout, program.stderr])
        stream?.on('data', (data: Buffer) => (output += data.toString()));
      await until(() => agent.isUp.test(output));
    }

    /** Runs the program and calls it. */
    async function call(url: string, more: Partial<TerminalOptions> = {}): Promise<Terminal> {
      await run(url);
      // What the SDP says is nobody's address, as behind a NAT.
      return (terminal = startTerminal({
        uri: uri(),
        signalled: { address: '10.0.0.9', port: 4000 },
        ...more,
      }));
    }

    function uri(): CallUri {
      const parsed = parseCallUri(agent.uri(output, daemon));
      if (!parsed.ok) throw new Error(parsed.message);
      return parsed.uri;
    }

    async function until(isSo: () => boolean): Promise<void> {
      const deadline = performance.now() + 20_000;
      while (!isSo()) {
        if (performance.now() > deadline) throw new Error(`it did not come:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }

    it('the caller hears the service, also when he walks to another network and after a hold; his keys are events', async () => {
      service = await VoiceService.start();
      const caller = await call(service.url, { media: toneWithDigit() });
      assert.equal((await caller.answered).kind, 'latch');
      let loud = 0;
      caller.on('rtp', (packet) => (loud += Number(isLoud(packet))));
      await until(() => loud > 20);
      assert.match(output, /^verified \{ address: '127\.0\.0\.1', port: \d+ \}$/m);
      await caller.move();
      await until(() => /^rebound \{ address: '127\.0\.0\.1', port: \d+ \}$/m.test(output));
      const before = loud;
      await until(() => loud > before + 50 && service!.digits.length > 1);
      await caller.hold(true);
      await caller.hold(false);
      const held = loud;
      await until(() => loud > held + 20);
      assert.deepEqual([...new Set(service.digits)], ['5']);
      assert.deepEqual([...service.sizes.keys()], [320]);
      await caller.hangUp();
      await until(() => service!.clients === 0);
    });

    it('barge-in: what is queued is cut when the caller speaks', async () => {
      service = await VoiceService.start({ isTalkative: true });
      const caller = await call(service.url);
      caller.mute(true);
      await caller.answered;
      const heard: boolean[] = [];
      caller.on('rtp', (packet) => heard.push(isLoud(packet)));
      await until(() => heard.filter(Boolean).length > 50);
      assert.equal(service.cleared, 0);
      caller.mute(false);
      await until(() => heard.slice(-25).every((one) => !one));
      assert.equal(service.cleared, 1);
      const spoken = heard.filter(Boolean).length;
      assert.ok(spoken < 400, `${spoken} packets of 500 were spoken`);
      // From its first packet to the last it spoke without a pause.
      assert.ok(heard.slice(heard.indexOf(true), heard.lastIndexOf(true)).every(Boolean));
    });

    it('hangs up when its service goes away, and refuses a call where there is none', async () => {
      service = await VoiceService.start();
      const caller = await call(service.url);
      await caller.answered;
      const ended = once(caller, 'ended');
      service.close();
      assert.deepEqual(await ended, ['server']);
      const again = startTerminal({ uri: uri() });
      await assert.rejects(again.answered, /500/);
      await again.ended;
      assert.equal(program?.exitCode, null, output);
    });

    it('who gives up before the service is there gets 487, who has no G.711 gets 488, and nothing is left of them', async () => {
      service = await VoiceService.start({ slowMs: 300 });
      await run(service.url);
      const phone = new End({ latch: { role: 'prover' } });
      await phone.stack.ready;
      const { text } = uri();
      const invite = phone.request('INVITE', text, { via: [] }, offerOf(0));
      const answered = phone.ask(invite);
      const { seq } = invite.headers.cseq as { seq: number };
      const headers = { ...invite.headers, cseq: { method: 'CANCEL', seq } };
      const cancel = { ...phone.request('CANCEL', text), headers };
      assert.equal((await phone.ask(cancel)).final.status, 200);
      assert.equal((await answered).final.status, 487);
      assert.equal((await phone.ask(phone.request('INVITE', text, {}, offerOf(9)))).final.status, 488);
      await until(() => service!.clients === 0);
      phone.close();
      assert.equal(program?.exitCode, null, output);
    });
  });
