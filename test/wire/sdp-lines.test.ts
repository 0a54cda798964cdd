import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isLatchLine, lineEndOf, sdpLines, spliceLines, stripLatch } from '../../lib/wire/sdp-lines.js';
import type { SectionKey } from '../../lib/wire/sdp-lines.js';

/** The lines of a text with their line ends, by another road than the one under test. */
function rawLines(text: string): string[] {
  return text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
}

const bodyOf = (raw: string) => raw.replace(/[\r\n]+$/, '');
const isOurs = (raw: string) => /^a=latch(-challenge)?(:|$)/.test(bodyOf(raw));
const isOpen = (text: string) => text !== '' && !/[\r\n]$/.test(text);
const sectionCount = (text: string) => rawLines(text).filter((raw) => raw.startsWith('m=')).length;

const content = fc.oneof(
  fc.constantFrom('v=0', 'm=audio 4000 RTP/AVP 0', 'm=', 'a=mid:a', '', '', 'c=IN IP4 192.0.2.1'),
  fc.constantFrom(
    'a=latch:1 tag secret',
    'a=latch',
    'a=latch:',
    'a=latch:2',
    'a=latch-challenge:x',
    'a=latch-challenge',
  ),
  fc.constantFrom(
    'a=latched',
    'a=latch-other:1',
    ' a=latch:1',
    'A=latch:1',
    'a=Latch:1',
    'm',
    'a=',
    's=\u2028a=latch:1',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, '.')),
);
const soupOf = (...ends: string[]) =>
  fc
    .tuple(fc.array(fc.tuple(content, fc.constantFrom(...ends)), { maxLength: 20 }), fc.option(content))
    .map(([lines, last]) => lines.flat().join('') + (last ?? ''));
/** Lines of CRLF and LF mixed, with an end or without one. */
const soup = soupOf('\r\n', '\n');
/** The same with lone CRs, which may meet an LF once a line between them is gone. */
const wildSoup = soupOf('\r\n', '\n', '\r');

const ours = fc.array(fc.constantFrom('a=latch:1 new tag', 'a=latch-challenge:word', 'a=latch:1'), {
  minLength: 1,
  maxLength: 3,
});

/** A text and lines for some of the sections that it has. */
function withLines(texts: fc.Arbitrary<string>) {
  return texts.chain((text) => {
    const keys: SectionKey[] = ['session', ...Array.from({ length: sectionCount(text) }, (_, i) => i)];
    const entries = keys.map((key) => fc.option(ours).map((lines) => [key, lines] as const));
    return fc.tuple(...entries).map((given) => {
      const lines = new Map<SectionKey, readonly string[]>();
      for (const [key, some] of given) if (some !== null) lines.set(key, some);
      return { text, lines };
    });
  });
}

const runs = { numRuns: 1000 };

describe('sdp lines', () => {
  it('cover the text without gap or overlap', () => {
    fc.assert(
      fc.property(fc.oneof(wildSoup, fc.string({ unit: 'binary' })), (text) => {
        const spans = [...sdpLines(text)];
        assert.deepEqual(
          spans.map(({ start, next }) => text.slice(start, next)),
          rawLines(text),
        );
        for (const { start, end, next } of spans) {
          assert.ok(!/[\r\n]/.test(text.slice(start, end)));
          assert.ok(/^(\r\n|\r|\n|)$/.test(text.slice(end, next)));
        }
      }),
      runs,
    );
  });

  it('end with the text, whatever its last characters are', () => {
    for (const text of [
      '',
      'a',
      'a\r',
      'a\n',
      'a\r\n',
      'a\n\r',
      'a\r\r',
      '\r',
      '\n',
      '\r\n',
      'a\rb',
      'a\r\nb\r',
      'a\nb\r\n',
    ]) {
      const spans = [...sdpLines(text)];
      assert.deepEqual(
        spans.map(({ start, next }) => text.slice(start, next)),
        rawLines(text),
        JSON.stringify(text),
      );
      assert.equal(spans.at(-1)?.next ?? 0, text.length, JSON.stringify(text));
    }
  });

  it('end at CRLF, LF and a lone CR only', () => {
    const text = 'a\r\nb\nc\rd\r\r\ne\u2028f\u0085g\u000bh';
    const lines = [...sdpLines(text)].map(({ start, end }) => text.slice(start, end));
    assert.deepEqual(lines, ['a', 'b', 'c', 'd', '', 'e\u2028f\u0085g\u000bh']);
  });

  const ends: readonly (readonly [string, string])[] = [
    ['', '\r\n'],
    ['v=0', '\r\n'],
    ['v=0\r', '\r\n'],
    ['v=0\r\ns=-\n', '\r\n'],
    ['v=0\ns=-\r\n', '\n'],
    ['\n', '\n'],
  ];
  for (const [text, end] of ends) {
    it(`take the line end of the first line: ${JSON.stringify(text)}`, () => {
      assert.equal(lineEndOf(text), end);
    });
  }

  const names: readonly (readonly [string, boolean])[] = [
    ['a=latch', true],
    ['a=latch:', true],
    ['a=latch:1 x', true],
    ['a=latch:7 of the future', true],
    ['a=latch-challenge', true],
    ['a=latch-challenge:x', true],
    ['a=latc', false],
    ['a=latched', false],
    ['a=latch-', false],
    ['a=latch-challenges:x', false],
    ['a=latch-kid:x', false],
    ['a=latch 1', false],
    ['a=LATCH:1', false],
    [' a=latch:1', false],
    ['s=a=latch:1', false],
    ['b=latch:1', false],
    ['', false],
  ];
  for (const [line, expected] of names) {
    it(`${expected ? 'know' : 'do not know'} ${JSON.stringify(line)} as ours`, () => {
      for (const after of ['', '\r\n', '\n:', '\r:x']) {
        const [first] = sdpLines(line + after);
        if (first !== undefined) assert.equal(isLatchLine(line + after, first), expected);
      }
    });
  }
});

describe('splicing', () => {
  const lines = new Map<SectionKey, readonly string[]>([
    ['session', ['a=latch:1 S']],
    [0, ['a=latch:1 M', 'a=latch-challenge:W']],
  ]);
  const table: readonly (readonly [title: string, before: string, after: string])[] = [
    ['CRLF', 'v=0\r\nm=x\r\n', 'v=0\r\na=latch:1 S\r\nm=x\r\na=latch:1 M\r\na=latch-challenge:W\r\n'],
    ['LF', 'v=0\nm=x\n', 'v=0\na=latch:1 S\nm=x\na=latch:1 M\na=latch-challenge:W\n'],
    ['no line end at the end', 'v=0\nm=x', 'v=0\na=latch:1 S\nm=x\na=latch:1 M\na=latch-challenge:W'],
    ['empty lines', 'v=0\n\nm=x\n\n\n', 'v=0\na=latch:1 S\n\nm=x\na=latch:1 M\na=latch-challenge:W\n\n\n'],
    [
      'lines of ours already there',
      'v=0\na=latch:1 old\nt=0 0\nm=x\na=latch-challenge:old\na=latch:2\na=b\n',
      'v=0\nt=0 0\na=latch:1 S\nm=x\na=b\na=latch:1 M\na=latch-challenge:W\n',
    ],
    ['a text that starts with m=', 'm=x\n', 'a=latch:1 S\nm=x\na=latch:1 M\na=latch-challenge:W\n'],
    [
      'Latin-1',
      's=\u00e9\u00ff\nm=x\n',
      's=\u00e9\u00ff\na=latch:1 S\nm=x\na=latch:1 M\na=latch-challenge:W\n',
    ],
  ];
  for (const [title, before, after] of table) {
    it(`puts lines at the end of their sections: ${title}`, () => {
      assert.equal(spliceLines(before, lines), after);
      assert.equal(spliceLines(after, lines), after);
    });
  }

  it('takes our lines out and leaves the rest to the byte', () => {
    assert.equal(stripLatch('v=0\r\na=latch:1 x\r\nm=x\na=latch-challenge\ra=b'), 'v=0\r\nm=x\na=b');
    assert.equal(stripLatch('v=0\r\na=latch:1 x'), 'v=0');
    assert.equal(stripLatch('v=0\ra=latch:1 x'), 'v=0');
    assert.equal(stripLatch('a=latch:1 x'), '');
    assert.equal(stripLatch(''), '');
  });

  it('lets no secret pass behind a lone CR', () => {
    assert.equal(stripLatch('s=a\ra=latch:1 tag secret\r\nt=0 0\r\n'), 's=a\rt=0 0\r\n');
  });

  it('refuses a section that is not there', () => {
    for (const key of [1, 7, -1, 0.5]) {
      assert.throws(() => spliceLines('v=0\r\nm=x\r\n', new Map([[key, ['a=latch:1 x']]])), RangeError);
    }
    assert.equal(spliceLines('v=0\r\n', new Map([['session', []]])), 'v=0\r\n');
  });

  it('and stripping is the identity on the bytes of any soup of lines', () => {
    fc.assert(
      fc.property(withLines(wildSoup.map(stripLatch)), ({ text, lines: added }) => {
        assert.equal(stripLatch(spliceLines(text, added)), text);
      }),
      runs,
    );
  });

  it('again with the same lines changes nothing', () => {
    fc.assert(
      fc.property(withLines(wildSoup.map(stripLatch)), ({ text, lines: added }) => {
        const once = spliceLines(text, added);
        assert.equal(spliceLines(once, added), once);
      }),
      runs,
    );
  });

  it('strips all of ours, none of the others, and twice is once', () => {
    fc.assert(
      fc.property(soup, (text) => {
        const raw = rawLines(text);
        const kept = raw.filter((line) => !isOurs(line));
        const last = raw.at(-1) ?? '';
        // An open text stays open: with its last line goes the line end before that.
        if (isOpen(text) && isOurs(last)) kept.push(bodyOf(kept.pop() ?? ''));
        const stripped = stripLatch(text);
        assert.equal(stripped, kept.join(''));
        assert.equal(stripLatch(stripped), stripped);
      }),
      runs,
    );
  });

  it('leaves every other line as it was, and every line of ours where it belongs', () => {
    const theirs = soup.filter((text) => !isOpen(text) || !isOurs(rawLines(text).at(-1) ?? ''));
    fc.assert(
      fc.property(withLines(theirs), ({ text, lines: added }) => {
        const spliced = spliceLines(text, added);
        const before = rawLines(text).filter((line) => !isOurs(line));
        const after = rawLines(spliced);
        const others = after.filter((line) => !isOurs(line));
        // Theirs, when it was the open end of the text, has a line end only if ours follows.
        const same = (all: string[]) =>
          isOpen(text) ? [...all.slice(0, -1), bodyOf(all.at(-1) ?? '')] : all;
        assert.deepEqual(same(others), same(before));
        assert.equal(isOpen(spliced), isOpen(text));

        let section: SectionKey = 'session';
        const found = new Map<SectionKey, string[]>();
        for (const line of after) {
          if (line.startsWith('m=')) section = section === 'session' ? 0 : section + 1;
          if (isOurs(line)) found.set(section, [...(found.get(section) ?? []), bodyOf(line)]);
          else if (bodyOf(line) !== '') assert.ok(!found.has(section), 'a line of ours is not at the end');
        }
        assert.deepEqual([...found], [...added]);
      }),
      runs,
    );
  });

  it('never throws and leaves nothing of ours, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(wildSoup, fc.string({ unit: 'binary' })), (text) => {
        assert.ok(!rawLines(stripLatch(text)).some(isOurs));
      }),
      runs,
    );
  });

  const size = 2 * 1024 * 1024;
  const floods: readonly (readonly [title: string, flood: string, left: string])[] = [
    ['LF', '\n'.repeat(size), '\n'.repeat(size)],
    ['CR', '\r'.repeat(size), '\r'.repeat(size)],
    ['CRLF', '\r\n'.repeat(size / 2), '\r\n'.repeat(size / 2)],
    ['our lines', 'a=latch:1 x\r\n'.repeat(size / 13), ''],
    ['sections', 'm=x\na=latch\n'.repeat(size / 12), 'm=x\n'.repeat(size / 12)],
    ['one line', 'a'.repeat(size), 'a'.repeat(size)],
    ['one line of ours', `a=latch:${'x'.repeat(size)}`, ''],
  ];
  for (const [title, flood, left] of floods) {
    it(`finishes 2 MB of ${title}`, () => {
      assert.ok(stripLatch(flood) === left);
      const spliced = spliceLines(flood, new Map([['session', ['a=latch:1 mine']]]));
      assert.ok(stripLatch(spliced) === left);
    });
  }
});
