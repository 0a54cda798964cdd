// The sip package prints every connection that fails with console.log, which is stdout: where a summary is to be the last
// line, and the only JSON. These lines are kept off; nothing else is touched.

/** What the package's line begins with. */
const MARK = 'err: ';

let muted = 0;
let original: typeof console.log | undefined;

/** From now on until the returned function is called. May be nested. */
export function muteConnectionLog(): () => void {
  if (muted++ === 0) {
    const log = (original = console.log);
    console.log = (...args: unknown[]) => {
      if (args[0] !== MARK) log.apply(console, args);
    };
  }
  let isMuting = true;
  return () => {
    if (!isMuting) return;
    isMuting = false;
    if (--muted === 0 && original) console.log = original;
  };
}
