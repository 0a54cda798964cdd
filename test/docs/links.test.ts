// Every document: its relative links lead somewhere, and it speaks of no machine of ours.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documents, filesUnder, readText, root } from './repository.js';

/** As GitHub makes an anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-');
}

function headingsOf(path: string): Set<string> {
  const text = readText(path).replace(/^```[\s\S]*?^```$/gm, '');
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? '')));
}

function linksOf(path: string): string[] {
  const text = readText(path).replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
}

const MUST_BE_THERE = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'LICENSE',
  'docs/protocol.md',
  'docs/threats.md',
  'docs/deviations.md',
  'docs/principles.md',
  'docs/glossary.md',
  'docs/releasing.md',
  'docs/import-graph.svg',
  'test/support/README.md',
];

/** Made by a program, one a package entry: reached by their folder. */
const REPORTS = 'docs/api/';
/** Tells what was, so it may name what is no more. */
const HISTORY = 'CHANGELOG.md';

describe('docs: every document', () => {
  it('is there', () => {
    for (const path of MUST_BE_THERE) assert.ok(existsSync(join(root, path)), path);
  });

  for (const path of documents()) {
    it(`${path}: relative links lead to a file, and to a heading in it`, () => {
      for (const link of linksOf(path)) {
        if (/^[a-z]+:/.test(link)) continue;
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? path : join(dirname(path), file);
        assert.ok(existsSync(join(root, target)), `${link} leads nowhere`);
        if (anchor !== undefined)
          assert.ok(headingsOf(target).has(anchor), `${link}: ${target} has no such heading`);
      }
    });

    it(`${path}: no path of a machine, nothing left to do`, () => {
      const text = readText(path);
      const found = /(?:^|[\s`"'(])(\/(?:work|tmp|home|root|Users|var|opt)\/\S*)/.exec(text)?.[1];
      assert.equal(found, undefined);
      assert.doesNotMatch(text, /\b(?:TO\x44O|FIX\x4dE|TBD)\b/);
    });
  }

  it('every document under docs is reached from the README', () => {
    const readme = linksOf('README.md').map((link) => link.split('#')[0]);
    assert.ok(readme.includes(REPORTS));
    for (const path of filesUnder('docs').filter((file) => file.endsWith('.md') && !file.startsWith(REPORTS)))
      assert.ok(readme.includes(path), `README.md does not link to ${path}`);
  });

  it('the files and folders of the source that a document names are there', () => {
    for (const path of documents().filter((one) => one !== HISTORY && !one.startsWith(REPORTS))) {
      const named = readText(path).matchAll(/`((?:lib|plugins(?!\/NAME)|test|docs|fixtures)\/[\w./-]*)`/g);
      for (const [, name = ''] of named) assert.ok(existsSync(join(root, name)), `${path} names ${name}`);
    }
  });
});
