import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { judge } from '../../../lib/cli/demo/demo-event.js';
import type { Column, DemoEvent } from '../../../lib/cli/demo/demo-event.js';
import type { SceneName, SceneResult, Seen } from '../../../lib/cli/demo/scene.js';
import { Story, wantsColours } from '../../../lib/cli/demo/story.js';
import { formatCount, formatMs, formatTable } from '../../../lib/cli/demo/table.js';
import { readServerLines } from '../../../lib/cli/demo/server-lines.js';

const MAPPING = '127.0.0.1:54321';
const QUIET: SceneResult = {
  scene: 'latched',
  hasKeys: true,
  knowsNumbers: true,
  seconds: 14.1,
  sent: 38_032,
  stolen: 0,
  stolenFrom: [],
  injected: 0,
  longestSilenceMs: 61.4,
  challenges: 25,
  unroutable: 0,
};
const KEYLESS: SceneResult = {
  ...QUIET,
  scene: 'evidence',
  hasKeys: false,
  knowsNumbers: false,
  sent: 115_600,
  challenges: 0,
};
const ROBBED: SceneResult = {
  ...QUIET,
  scene: 'blind',
  hasKeys: false,
  stolen: 1292,
  stolenFrom: ['alice'],
  injected: 590,
  longestSilenceMs: 9512,
  challenges: 0,
};
const BACK = { name: 'alice', before: MAPPING, after: '127.0.0.1:54322', backMs: 41.2 };
const LOST = { name: 'alice', before: MAPPING, after: undefined, backMs: undefined };
const COLUMNS: readonly Column[] = [
  { result: QUIET, rebinding: BACK },
  { result: KEYLESS, rebinding: { ...BACK, backMs: 72 } },
  { result: ROBBED, rebinding: LOST },
];

const NOWHERE: Seen = {
  name: 'bob',
  signalled: '10.0.2.2:65535',
  mapping: undefined,
  nat: undefined,
  ground: undefined,
  isImpostor: false,
};
const seen = (scene: SceneName): DemoEvent => ({
  event: 'met',
  scene,
  callers: [
    { ...NOWHERE, name: 'alice', signalled: '10.0.1.2:65535', mapping: MAPPING, nat: 'both' },
    ...['question', 'home', 'sdp', 'ssrc'].map((ground) => ({ ...NOWHERE, mapping: MAPPING, ground })),
    { ...NOWHERE, mapping: MAPPING, isImpostor: true },
    NOWHERE,
  ],
});

const EVENTS: readonly DemoEvent[] = [
  { event: 'ready', tookMs: 1400 },
  { event: 'watch', url: 'http://127.0.0.1:65535/#token=GAwKj1yqmVrCI6tDdFwZzA' },
  { event: 'scene', scene: 'latched', server: '127.0.0.1:5061', media: '20000-20031', processes: 6 },
  seen('latched'),
  { event: 'spray', scene: 'latched', media: '20000-20031', knowsNumbers: true },
  { event: 'interim', result: QUIET },
  { event: 'rebinding', scene: 'latched', name: 'alice' },
  { event: 'rebound', scene: 'latched', ...BACK },
  { event: 'result', result: QUIET, rebinding: BACK },
  { event: 'scene', scene: 'evidence', server: '127.0.0.1:54999', media: '31000-31199', processes: 6 },
  seen('evidence'),
  { event: 'spray', scene: 'evidence', media: '31000-31199', knowsNumbers: false },
  { event: 'scene', scene: 'blind', server: '127.0.0.1:54999', media: '31000-31031', processes: 6 },
  seen('blind'),
  { event: 'interim', result: ROBBED },
  { event: 'rebound', scene: 'blind', ...LOST },
  { event: 'table', columns: COLUMNS },
  { event: 'verdict', verdict: judge(COLUMNS) },
  { event: 'verdict', verdict: { isPassed: false, findings: ['it went wrong'] } },
  {
    event: 'join',
    command: [
      'node dist/main.js call "sip:demo@127.0.0.1:5061;transport=tls"',
      '--ca /tmp/latchkey-abcdef/cert.pem',
    ],
    lines: readServerLines(),
  },
];

function tell(isJson: boolean, isColoured: boolean): string {
  let text = '';
  const story = new Story({ isJson, isColoured, write: (more) => (text += more) });
  for (const event of EVENTS) story.tell(event);
  return text;
}

describe('how the demonstration is told', () => {
  it('is an object a line with --json, as it happened', () => {
    const lines = tell(true, true).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      JSON.parse(JSON.stringify(EVENTS)),
    );
  });

  it('is text of at most 100 characters a line, coloured only where that is wanted', () => {
    const plain = tell(false, false);
    for (const line of plain.split('\n')) assert.ok(line.length <= 100, `${line.length}: ${line}`);
    assert.ok(!plain.includes('\u001b'));
    const coloured = tell(false, true);
    assert.ok(coloured.includes('\u001b[31m') && coloured.includes('\u001b[32m'));
    // eslint-disable-next-line no-control-regex
    assert.equal(coloured.replace(/\x1b\[\d+m/g, ''), plain);
  });

  it('names who was fooled, what was taken and what came back', () => {
    const text = tell(false, false);
    assert.match(text, /Bob +says 10\.0\.2\.2:65535 +latched 127\.0\.0\.1:54321 +which is the impostor/);
    assert.match(text, /Bob +says 10\.0\.2\.2:65535 +heard 127\.0\.0\.1:54321 +asked over SIP, it moved/);
    assert.match(text, /SSRCs and sequence numbers it does not know/);
    assert.match(text, /1,292 stolen \(what Alice said\), 590 injected/);
    assert.match(text, /127\.0\.0\.1:54321 became 127\.0\.0\.1:54322; media was back in 41 ms/);
    assert.match(text, /FAILED: it went wrong\./);
  });

  it('breaks a long command where a shell goes on', () => {
    const long = ['call', `--ca /${'x'.repeat(100)}`] as const;
    let text = '';
    const story = new Story({ isJson: false, isColoured: false, write: (more) => (text += more) });
    story.tell({ event: 'join', command: long, lines: [] });
    assert.ok(text.includes(`    call \\\n      ${long[1]}\n`));
  });

  it('uses colours on a terminal, unless NO_COLOR or a dumb terminal says otherwise', () => {
    const terminal = { isTTY: true } as NodeJS.WriteStream;
    assert.equal(wantsColours(terminal, {}), true);
    assert.equal(wantsColours(terminal, { NO_COLOR: '' }), true);
    assert.equal(wantsColours(terminal, { NO_COLOR: '1' }), false);
    assert.equal(wantsColours(terminal, { TERM: 'dumb' }), false);
    assert.ok(!wantsColours({} as NodeJS.WriteStream, {}));
  });

  it('ends in a table with a column for each scene', () => {
    assert.deepEqual(formatTable(COLUMNS), [
      '                                               latched      evidence         blind',
      'the phones hold a key                              yes            no            no',
      'the impostor knows SSRCs and sequence              yes            no           yes',
      'the call was watched for                        14.1 s        14.1 s        14.1 s',
      'packets that the impostor sent                  38,032       115,600        38,032',
      'packets stolen, on its own socket                    0             0         1,292',
      'packets injected, heard by the callers               0             0           590',
      'longest silence                                  61 ms         61 ms         9.5 s',
      'after the NAT rebound, media is back in          41 ms         72 ms         never',
    ]);
    assert.equal(
      formatTable([{ result: QUIET, rebinding: undefined }])
        .at(-1)
        ?.trim()
        .endsWith(' -'),
      true,
    );
    assert.deepEqual([0, 999, 1000, 1_234_567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
    assert.deepEqual([0.4, 999.4, 1000, 9512].map(formatMs), ['0 ms', '999 ms', '1.0 s', '9.5 s']);
  });

  it('fails where anything was taken from phones without a key, or their call was lost', () => {
    const failuresOf = (result: SceneResult, rebinding = BACK as Column['rebinding']) => {
      const { isPassed, findings } = judge([{ result, rebinding }]);
      return isPassed ? [] : findings;
    };
    assert.deepEqual(failuresOf(KEYLESS), []);
    const [stolen] = failuresOf({ ...KEYLESS, stolen: 3 });
    assert.equal(stolen, '3 packets were stolen from the call of phones without a key');
    const [injected] = failuresOf({ ...KEYLESS, injected: 1 });
    assert.equal(injected, '1 packets were injected into the call of phones without a key');
    assert.deepEqual(failuresOf(KEYLESS, LOST), [
      'the call of phones without a key was lost when the NAT rebound',
    ]);
  });

  it('prints the lines that a server on sip takes, which are those of the README', () => {
    const lines = readServerLines();
    assert.equal(lines.length, 7);
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    for (const line of lines) assert.ok(readme.includes(`\n+${line}\n`), line);
  });
});
