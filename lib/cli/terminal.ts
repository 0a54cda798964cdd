// The terminal of lib/phone with the signalling that the command line has: the sip package and sip.js.
import { Terminal } from '../phone/terminal.js';
import type { TerminalOptions } from '../phone/terminal.js';
import { openSignalling } from './signalling-client.js';

/** What a call is to be; how it is signalled is settled here. */
export type CallTerms = Omit<TerminalOptions, 'openSignalling'>;

/** Calls at once. Throws a Failure for media that cannot be played; what the network refuses, `answered` rejects with. */
export function startTerminal(terms: CallTerms): Terminal {
  return new Terminal({ ...terms, openSignalling });
}
