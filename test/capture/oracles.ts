/*
 * Programs and captures that are not of this repository, and the reason to skip a test where they are absent.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const shared = ['captures/', 'material/'].map((name) =>
  fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url)),
);
const fixtures = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Skips the running test with a reason when the program is not installed; in CI, which installs it, that is a failure. */
export function needProgram(test: Mocha.Context, name: string): void {
  if (spawnSync(name, ['--version'], { stdio: 'ignore' }).error) {
    assert.notEqual(process.env.CI, 'true', `${name} is not installed`);
    test.test!.title += ` (skipped: ${name} is not installed)`;
    test.skip();
  }
}

/** Paths of the captures beside the repository; none where there are none. */
export function sharedCaptures(): string[] {
  return shared.filter((folder) => existsSync(folder)).flatMap(capturesIn);
}

/** Paths of all captures in fixtures/. */
export function fixtureCaptures(): string[] {
  return capturesIn(fixtures);
}

function capturesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .sort()
    .map((name) => folder + name);
}

/** What tshark sees: one line of tab-separated fields a UDP datagram; its complaints go nowhere. */
export function tshark(
  file: string,
  fields: readonly string[],
  filter = 'udp && !icmp',
  options: readonly string[] = [],
): string[][] {
  const checksums = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'];
  const args = [
    '-r',
    file,
    '-n',
    ...checksums,
    ...options,
    '-Y',
    filter,
    '-T',
    'fields',
    ...fields.flatMap((f) => ['-e', f]),
  ];
  const printed = execFileSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}
