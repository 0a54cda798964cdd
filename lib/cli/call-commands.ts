// `--commands`: lines on standard input, each a command to the call. Knows the words; what they do is the terminal's.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Terminal } from '../phone/terminal.js';

const COMMANDS = new Map<string, (terminal: Terminal) => Promise<unknown> | void>([
  ['hold', (terminal) => terminal.hold(true)],
  ['resume', (terminal) => terminal.hold(false)],
  ['mute', (terminal) => terminal.mute(true)],
  ['unmute', (terminal) => terminal.mute(false)],
  ['move', (terminal) => terminal.move()],
  ['bye', (terminal) => terminal.hangUp()],
]);

/** Obeys one line after the other until the returned function is called; at the end of the input the call goes on. */
export function readCommands(
  input: Readable,
  terminal: Terminal,
  complain: (text: string) => void,
): () => void {
  const lines = createInterface({ input });
  let before: Promise<unknown> = Promise.resolve();
  lines.on('line', (line) => {
    const word = line.trim().toLowerCase();
    if (word === '') return;
    const command = COMMANDS.get(word);
    if (!command) return complain(`"${word}" is no command: ${[...COMMANDS.keys()].join(', ')} are`);
    before = before
      .then(() => command(terminal))
      .catch((error: unknown) => complain(error instanceof Error ? error.message : String(error)));
  });
  return () => {
    lines.close();
    // An open input would keep the process alive.
    input.destroy();
  };
}
