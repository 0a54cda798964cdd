// The page's words: whatever the server can tell has a sentence, a sign and a word, and none of them has a hole in it.
import assert from 'node:assert/strict';
import { eventsOf } from '../docs/source.js';

interface Words {
  readonly sentence: (happening: object) => (string | { address: string })[];
  readonly look: (happening: object) => { tone: string; sign: string; word: string };
  readonly proofInWords: (person: object) => [string, string];
  readonly pictureInWords: (state: object) => string;
}

/** What the page is told of, by plugins/watch/rooms-record.ts. */
const KINDS = [
  'verified',
  'direct',
  'rebound',
  'locked',
  'contested',
  'question',
  'conflict',
  'unheard',
  'silent',
  'expired',
  'legacy',
  'unprotected',
  'downgraded',
];
const FULL = {
  remote: '203.0.113.7:61234',
  previous: '203.0.113.7:1',
  signalled: '10.0.0.2:4',
  nat: 'both',
  rttMs: 2.4,
};

describe('watch: the words of the page', () => {
  let words: Words;
  // A file for browsers, without types.
  before(async () => (words = (await import('../../plugins/watch/page/' + 'words.js')) as Words));

  const text = (happening: object): string =>
    words
      .sentence(happening)
      .map((piece) => (typeof piece === 'string' ? piece : piece.address))
      .join('');

  for (const kind of [...KINDS, 'joined', 'left', 'mismatch', 'stranger'])
    it(`${kind}: a sentence with the name and nothing undefined, a sign and a word`, () => {
      for (const name of ['alice', '']) {
        const said = text({ kind, id: 's1', at: 1, name, ...FULL });
        assert.match(said, new RegExp(`${name === '' ? 'Somebody' : 'Alice'}.*\\.$`));
        assert.doesNotMatch(said, /undefined|\[object|NaN/);
      }
      const { tone, sign, word } = words.look({ kind });
      assert.ok(['quiet', 'proved', 'moved', 'warn', 'refused'].includes(tone));
      assert.ok(sign.length === 1 && word.length > 3);
    });

  it('events that are shown are events of the core', () => {
    const events = eventsOf('lib/core/events.ts', 'LatchEvent');
    for (const kind of KINDS) assert.ok(events.has(kind), kind);
  });

  it('nobody is proved who has not proved anything', () => {
    const mapping = FULL.remote;
    for (const protection of ['latch', 'ice', 'srtp']) {
      assert.equal(words.proofInWords({ protection, mapping })[0], 'proved');
      assert.equal(words.proofInWords({ protection })[0], 'wait');
    }
    for (const protection of ['legacy', 'none'])
      assert.equal(words.proofInWords({ protection, mapping })[0], 'open', protection);
    for (const protection of ['carried', 'pending', 'something new'])
      assert.equal(words.proofInWords({ protection, mapping })[0], 'wait', protection);
  });

  it('what is found by evidence is never called proved, and says on what ground', () => {
    const mapping = FULL.remote;
    assert.equal(words.proofInWords({ protection: 'evidence', mapping })[0], 'found');
    assert.equal(words.proofInWords({ protection: 'evidence' })[0], 'wait');
    for (const kind of ['verified', 'direct', 'rebound', 'locked']) {
      const happening = {
        kind,
        id: 's1',
        at: 1,
        name: 'alice',
        ...FULL,
        protection: 'evidence',
        ground: 'sdp',
      };
      assert.doesNotMatch(text(happening), /proved/, kind);
      assert.notEqual(words.look(happening).tone, 'proved', kind);
    }
    const said = ['ssrc', 'sdp', 'home', 'question'].map((ground) =>
      text({ kind: 'locked', ...FULL, ground }),
    );
    assert.equal(new Set(said).size, 4);
    for (const one of said) assert.match(one, /No proof\.$/);
  });

  it('what becomes of a picture is said; one that plays needs no words', () => {
    assert.equal(words.pictureInWords({ state: 'playing' }), '');
    const states = [
      ...['starting', 'over', 'full', 'lost'].map((state) => ({ state })),
      ...['missing', 'ended', 'crashed'].map((reason) => ({ state: 'waiting', reason, retryMs: 2000 })),
    ];
    const said = states.map((state) => words.pictureInWords(state));
    assert.equal(new Set(said).size, states.length);
    for (const one of said) assert.doesNotMatch(one, /undefined|NaN/);
  });
});
