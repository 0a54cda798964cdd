// The servers of docs/examples on three stacks, without latchkey and with it: how many lines it takes, and that all run as they stand,
// against the package as it is built, called by what `latchkey call` is made of.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTerminal } from '../../lib/cli/terminal.js';
import type { Terminal, TerminalOptions } from '../../lib/phone/terminal.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { DrachtioDaemon } from '../plugins/drachtio-daemon.js';
import { createCertificate, freePort } from '../plugins/sip-phones.js';
import { WebSocketJoint } from '../plugins/web-socket-joint.js';
import { changedLines, programOf } from './changed-lines.js';
import { Example } from './example-program.js';
import { fences, readText } from './repository.js';

const MAX_LINES = 15;

/** What a stack's two programs need beside themselves. */
interface Site {
  readonly args: readonly string[];
  /** What it prints when it can be called. */
  readonly isUp: RegExp;
  /** By each transport. */
  readonly uris: readonly string[];
  readonly ca?: string;
  close(): Promise<void>;
}

const STACKS: Readonly<Record<string, () => Promise<Site>>> = {
  drachtio: async () => {
    const daemon = await DrachtioDaemon.start();
    return {
      args: ['127.0.0.1', String(daemon.port), daemon.secret, '127.0.0.1'],
      isUp: /^connected/m,
      uris: [daemon.uri('udp')],
      close: () => daemon.close(),
    };
  },
  sip: async () => {
    const { key, cert } = await createCertificate();
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
    const files = Object.entries({ cert, key }).map(([name, pem]) => {
      writeFileSync(join(folder, name), pem);
      return join(folder, name);
    });
    const port = await freePort();
    return {
      args: ['127.0.0.1', String(port), ...files],
      isUp: /^listening/m,
      uris: [
        `sip:echo@127.0.0.1:${port};transport=udp`,
        `sip:echo@127.0.0.1:${port};transport=tcp`,
        `sip:echo@127.0.0.1:${port + 1};transport=tls`,
      ],
      ca: cert,
      close: () => Promise.resolve(rmSync(folder, { recursive: true })),
    };
  },
  'sip-js': async () => {
    const joint = await WebSocketJoint.start();
    return {
      args: [joint.url, '/dev/null'],
      isUp: /^registered/m,
      uris: [`sip:web@127.0.0.1:${joint.port};transport=ws`],
      close: () => joint.close(),
    };
  },
};

describe('docs: servers without latchkey and with it', function () {
  this.timeout(30_000);
  let site: Site | undefined;
  let program: Example | undefined;
  let terminal: Terminal | undefined;

  afterEach(async () => {
    await terminal?.hangUp();
    await program?.stop();
    await site?.close();
    site = program = terminal = undefined;
  });

  async function run(open: () => Promise<Site>, name: string): Promise<Site> {
    site = await open();
    program = new Example(name, ...site.args);
    await program.line(site.isUp);
    return site;
  }

  async function call(text: string, ca: string | undefined, more: Partial<TerminalOptions> = {}) {
    const parsed = parseCallUri(text);
    assert.ok(parsed.ok);
    terminal = startTerminal({ uri: parsed.uri, ca, ...more });
    const { kind } = await terminal.answered;
    return { kind, caller: terminal };
  }

  for (const [stack, open] of Object.entries(STACKS)) {
    const changed = changedLines(programOf(`${stack}-plain.ts`), programOf(`${stack}.ts`));

    it(`${stack}: latchkey takes at most ${MAX_LINES} lines, imports included`, function () {
      const before = programOf(`${stack}-plain.ts`);
      const kept = before.length - changedLines(programOf(`${stack}.ts`), before).length;
      assert.ok(changed.some((line) => line.includes(`from 'latchkey/${stack}'`)));
      assert.ok(changed.length <= MAX_LINES, changed.join('\n'));
      // One line at most is another than before, and none is gone.
      assert.ok(before.length - kept <= 1);
      this.test!.title += `: ${changed.length}`;
    });

    it(`${stack}: the README shows the difference, but for what it prints`, () => {
      const before = programOf(`${stack}-plain.ts`);
      const after = programOf(`${stack}.ts`);
      const added = changed.filter((line) => !line.includes('console.log'));
      const removed = changedLines(after, before);
      const linesOf = (text: string, sign: string) =>
        text.split('\n').flatMap((line) => (line.startsWith(sign) ? [line.slice(1)] : []));
      const [shown = ''] = fences(readText('README.md'), 'diff').filter((text) =>
        text.includes(`from 'latchkey/${stack}'`),
      );
      assert.deepEqual(linesOf(shown, '+'), added);
      assert.deepEqual(linesOf(shown, '-'), removed);
      for (const line of linesOf(shown, ' ')) assert.ok(after.includes(line) && before.includes(line), line);
    });

    it(`${stack}.ts: a caller behind a NAT has media both ways, and still when the NAT has another mapping`, async () => {
      const { uris, ca } = await run(open, `${stack}.ts`);
      for (const uri of uris) {
        // What the SDP says is nobody's address, as behind a NAT.
        const { kind, caller } = await call(uri, ca, { signalled: { address: '10.0.0.9', port: 4000 } });
        assert.equal(kind, 'latch');
        await once(caller, 'rtp');
        await program!.line(/^verified/m);
        await caller.move();
        await program!.line(/^rebound/m);
        await once(caller, 'rtp');
        const { sent, received, verified, nat } = await caller.hangUp();
        assert.ok(verified && received > 0 && sent > 0);
        assert.equal(nat, 'both');
        program!.output = '';
      }
    });

    it(`${stack}-plain.ts: a caller at the address that it says has media both ways`, async () => {
      const { uris, ca } = await run(open, `${stack}-plain.ts`);
      for (const uri of uris) {
        const { kind, caller } = await call(uri, ca);
        assert.equal(kind, 'none');
        await once(caller, 'rtp');
        const { sent, received } = await caller.hangUp();
        assert.ok(sent > 0 && received > 0);
      }
    });
  }
});
