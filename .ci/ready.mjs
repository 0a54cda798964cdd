// Installs and builds what a fresh clone lacks, then runs the named task. Node's own modules only, and no
// pre or post hooks: both must work where nothing is installed yet and where npm's hooks are switched off.
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileNative, NATIVE_SOURCES } from './native.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules', name);
const node = (...args) => [process.execPath, ...args];
const mocha = (...args) => node(bin('mocha/bin/mocha.js'), ...args);
const tsc = (...args) => node(bin('typescript/bin/tsc'), ...args);
const tsx = (...args) => node('--import=tsx', ...args);

const unitTests = ['test/**/*.test.ts'];
const slowTests = ['lab', 'clients', 'slow'].flatMap((folder) => ['--ignore', `test/${folder}/**`]);
const coreTests = mocha(...slowTests, 'test/{wire,core,scenarios,property}/**/*.test.ts').slice(1);
// What one runs while writing, under 40 s on two idle cores: no processes, no phones, no random walks, no waiting.
const quickTests = [
  ...['capture/{formats,wav,tshark,replay-tshark}', 'phone/terminal'].flatMap((file) => [
    '--ignore',
    `test/${file}.test.ts`,
  ]),
  'test/{capture,compare,core,net,odds,phone,room,scenarios,server,sip,support,wire}/**/*.test.ts',
];
/** Goes to browsers as it is. */
const page = join('plugins', 'watch', 'page');
const api = node('.ci/api.mjs');
const graph = tsx('test/docs/draw-graph.ts');

const [name, ...options] = process.argv.slice(2);

const tasks = {
  build: [],
  'build:native': [node('.ci/native.mjs')],
  start: [node(join(root, 'dist/lib/cli/main.js'), 'demo')],
  // Whoever names files or folders gets these and nothing else, slow ones included.
  test: [options.some(isTest) ? mocha() : mocha('--parallel', '--jobs', '2', ...slowTests, ...unitTests)],
  'test:quick': [mocha('--parallel', '--jobs', '2', ...quickTests)],
  // What fails soonest and is mended soonest comes first.
  check: [
    node('.ci/native.mjs'),
    tsc('-p', '.'),
    tsc('--noEmit', '-p', 'lib/core'),
    node(bin('prettier/bin/prettier.cjs'), '--check', '.'),
    node(bin('eslint/bin/eslint.js'), '.'),
    [...graph, '--check'],
    [...api, '--check'],
    node(bin('c8/bin/c8.js'), '--check-coverage', ...coreTests),
    mocha('test/slow/**/*.test.ts'),
    tsx('test/fuzz/main.ts'),
  ],
  coverage: [node(bin('c8/bin/c8.js'), ...coreTests)],
  api: [api],
  graph: [graph],
  // The README's pictures of the page, anew. Needs Chromium.
  screenshot: [tsx('test/docs/screenshot.ts')],
  // Real clients on a real clock, on a machine that others share: what fails must fail three times. With --all every
  // scenario is played, without it a selection.
  'test:lab': [
    mocha('--parallel', '--jobs', '2', '--retries', '2', 'test/lab/**/*.test.ts'),
    inOwnNetwork(mocha('--retries', '2', 'test/clients/**/*.test.ts')),
  ],
  compare: [tsx('test/compare/main.ts')],
  bench: [tsx('--expose-gc', 'test/bench/main.ts')],
  'bench:quick': [tsx('--expose-gc', 'test/bench/main.ts', '--quick')],
  fuzz: [tsx('test/fuzz/main.ts')],
  odds: [tsx('test/odds/main.ts')],
  mutants: [tsx('test/mutants/main.ts')],
};

const isWholeLab = name === 'test:lab' && options.includes('--all');
if (isWholeLab) process.env.LATCHKEY_LAB = 'all';
const rest = isWholeLab
  ? options.filter((option) => option !== '--all')
  : name === 'test'
    ? options.map(asTests)
    : options;
const steps = tasks[name];
if (!steps) {
  console.error(`latchkey: unknown task "${name}": one of ${Object.keys(tasks).join(', ')}`);
  process.exit(2);
}
/** How often those who wait are told how far it is. */
const TOLD_EVERY_MS = 5000;
const hasInstalled = await install();
await build(hasInstalled ? '2 of 2, ' : '');
for (const [i, step] of steps.entries()) {
  const last = i === steps.length - 1;
  const status = run(last ? [...step, ...rest] : step);
  if (status !== 0) process.exit(status);
}

/** Whether an option of mocha's is a file or a folder of tests, and not the text to look for (-g test/). */
function isTest(option, i, all) {
  if (/^(-g|--grep|-f|--fgrep)$/.test(all[i - 1] ?? '')) return false;
  return relative(root, resolve(root, option)).startsWith('test/');
}

/** A folder stands for the tests in it: mocha would load everything that lies there. */
function asTests(option, i, all) {
  if (!isTest(option, i, all) || !existsSync(join(root, option))) return option;
  return statSync(join(root, option)).isDirectory() ? join(option, '**/*.test.ts') : option;
}

/** For root: a network namespace with one address of each family beside loopback, so that no packet of a phone's touches a real one. */
function inOwnNetwork(command) {
  if (process.getuid?.() !== 0) return command;
  const network = [
    // As with a card that takes no segments: captures see each datagram by itself.
    'ip link set lo gso_max_segs 1 up',
    'ip link add phones type veth peer name wire',
    'ip address add 203.0.113.1/24 dev phones',
    'ip address add 2001:db8::1/64 dev phones nodad',
    'ip link set phones up',
    'ip link set wire up',
    'ip route add default dev phones',
    'ip -6 route add default dev phones',
  ].join(' && ');
  const script = `if command -v ip >/dev/null; then ${network}; fi; exec "$@"`;
  return ['unshare', '--net', 'sh', '-c', script, 'sh', ...command];
}

async function install() {
  const stamp = join(root, 'node_modules/.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return false;
  const { packages } = JSON.parse(readFileSync(lock, 'utf8'));
  const places = Object.keys(packages).filter((place) => place !== '');
  const countHere = () => places.filter((place) => existsSync(join(root, place, 'package.json'))).length;
  console.error(
    `latchkey: 1 of 2, installing what the lock file names: ${places.length} packages, a minute or so`,
  );
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-fund', '--no-audit', '--loglevel=error'];
  const status = await runTelling(npm?.endsWith('.js') ? node(npm, ...args) : ['npm', ...args], (seconds) => {
    // Others than those of this system are left out in the end.
    return `installing, ${seconds} s: ${countHere()} of ${places.length} packages are here`;
  });
  if (status !== 0) process.exit(status);
  return true;
}

async function build(step) {
  const stamp = join(root, 'dist/.built');
  const inputs = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...NATIVE_SOURCES];
  for (const folder of ['lib', 'plugins'])
    for (const file of readdirSync(join(root, folder), { recursive: true }))
      if (file.endsWith('.ts')) inputs.push(join(folder, file));
  for (const file of readdirSync(join(root, page))) inputs.push(join(page, file));
  const print = inputs
    .map((file) => `${file} ${Math.round(statSync(join(root, file)).mtimeMs)}`)
    .sort()
    .join('\n');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === print) return;
  console.error(`latchkey: ${step}building ${inputs.length} files, some twenty seconds`);
  const next = join(root, `dist.${process.pid}`);
  const status = await runTelling(
    tsc('-p', 'tsconfig.build.json', '--outDir', next),
    (seconds) => `building, ${seconds} s`,
  );
  if (status === 0) {
    cpSync(join(root, page), join(next, page), { recursive: true });
    const trouble = compileNative('host', next);
    if (trouble)
      console.error(
        `latchkey: datagrams go one by one, until npm run build:native: the addon that batches them is not built: ${trouble}`,
      );
    writeFileSync(join(next, '.built'), print);
    // Aside first: others may be about to run it, and a removal takes its time.
    const old = `${next}.old`;
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
    renameSync(next, join(root, 'dist'));
    rmSync(old, { recursive: true, force: true });
    return;
  }
  rmSync(next, { recursive: true, force: true });
  process.exit(status);
}

/** Runs it, and tells every few seconds how far it is. */
async function runTelling([command, ...args], howFar) {
  const beganMs = Date.now();
  const tell = () => console.error(`latchkey: ${howFar(Math.round((Date.now() - beganMs) / 1000))}`);
  const timer = setInterval(tell, TOLD_EVERY_MS);
  const child = spawn(command, args, { cwd: root, stdio: ['inherit', 2, 'inherit'] });
  const status = await new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`latchkey: ${command}: ${error.message}`);
      resolve(1);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  clearInterval(timer);
  return status;
}

function run([command, ...args]) {
  const child = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (child.error) console.error(`latchkey: ${command}: ${child.error.message}`);
  return child.status ?? 1;
}
