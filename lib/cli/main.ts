#!/usr/bin/env node
// The command line: finds the command that is meant, loads its file and no other, and turns what goes wrong into one
// line and an exit code. It knows no option of any command: each registers its own.
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { Failure } from '../phone/failure.js';

/** What each command's file exports: adds the command, its options and its action to the program. */
export type Register = (program: Command) => void;

const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  serve: async () => (await import('./serve.js')).registerServe,
  call: async () => (await import('./call.js')).registerCall,
  watch: async () => (await import('./watch.js')).registerWatch,
  doctor: async () => (await import('./doctor.js')).registerDoctor,
  replay: async () => (await import('./replay.js')).registerReplay,
  passwd: async () => (await import('./passwd.js')).registerPasswd,
  demo: async () => (await import('./demo/index.js')).registerDemo,
};

const EXIT_USAGE = 2;
const EXIT_DEFECT = 1;

// Whoever reads our output may leave early (`| head`): that is no defect, and commands that run on listen for it.
process.stdout.on('error', () => undefined);
const exitCode = await run(process.argv.slice(2));
// A command is over when its action is, whatever timers a package keeps; what was printed goes out first.
process.stdout.write('', () => process.exit(exitCode));

/** Runs one command; returns the exit code. A command that ends well may have set `process.exitCode` itself. */
async function run(args: readonly string[]): Promise<number> {
  const program = new Command('latchkey')
    .description('Authenticated latching for RTP: media through the NAT to whoever holds the key.')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text) => complain(text.replace(/^error: /, '')) });
  const load = COMMANDS[args[0] ?? ''];
  // Help, and the complaint about an unknown command, need the names of all.
  const registers = load ? [await load()] : await Promise.all(Object.values(COMMANDS).map((one) => one()));
  for (const register of registers) register(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof Failure) {
      complain(error.message);
      return error.exitCode;
    }
    console.error(error);
    return EXIT_DEFECT;
  }
}

function complain(text: string): void {
  console.error(`latchkey: ${text.trim().replace(/\s*\n\s*/g, ' ')}`);
}

function version(): string {
  const manifest = createRequire(import.meta.url)('latchkey/package.json') as { version: string };
  return manifest.version;
}
