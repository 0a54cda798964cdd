// One row for each option of a command: its flag, its default and what it is, in one place. The help is made from the rows,
// the README's tables are checked against them. What a value may be is checked by the command.
import type { Command } from 'commander';

export interface OptionRow {
  /** As commander has it: `--udp <port>`, or `--json` for one without a value. */
  readonly flag: string;
  /** What it is unless it is given: a value that could be given, or in words. */
  readonly default?: string;
  /** In Markdown, for README and help. */
  readonly text: string;
  /** Reads a value, where commander is to do that; throws an InvalidArgumentError. */
  readonly read?: (value: string) => unknown;
}

/** Adds the options of these rows, in their order, and the help on them. */
export function addOptions(command: Command, rows: readonly OptionRow[]): Command {
  for (const { flag, default: unless, text, read } of rows) {
    const help = (unless === undefined ? text : `${text} (default: ${unless})`).replaceAll('`', '');
    if (read) command.option(flag, help, read);
    else command.option(flag, help);
  }
  return command;
}
