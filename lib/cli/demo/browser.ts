// Opens a page in the browser of whoever sits here, by the means of the system. Where there is none the address is on the terminal.
import { spawn } from 'node:child_process';

const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  // `start` is the shell's own; the address is no part of its line.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

export function openBrowser(url: string): void {
  const [command, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const opener = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  opener.once('error', (error) => console.error(`latchkey: --browser: ${error.message}`));
  opener.unref();
}
