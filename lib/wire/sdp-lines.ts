/*
 * SDP as lines of text, and the one way in which we change it: our lines are taken out and put in, all
 * else stays byte for byte, line ends included. Works on any string; one character may be one byte of a
 * body that is not UTF-8. It does not know what the other lines mean and never writes them anew.
 */

/** Where a set of our lines goes: a media section by its index, or the part before the first `m=`. */
export type SectionKey = number | 'session';

/** One line of a text: its content is `[start, end)`, its line end `[end, next)`, empty at the very end. */
export interface LineSpan {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

const CR = 0x0d;

/**
 * The lines of `text` in order, each scanned once. CRLF and LF end a line, and so does a lone CR, which
 * no value may hold (RFC 8866 section 9): other readers break lines there, and a secret must not pass
 * behind one. No other character does, U+2028 included.
 */
export function* sdpLines(text: string): Generator<LineSpan> {
  let start = 0;
  let [feed, carriage] = [-1, -1];
  while (start < text.length) {
    // Each is looked for again only once it has been passed.
    if (feed < start) feed = found(text, '\n', start);
    if (carriage < start) carriage = found(text, '\r', start);
    const end = Math.min(feed, carriage);
    const isCrLf = feed === carriage + 1 && feed < text.length;
    const next = end === text.length ? end : end + (isCrLf ? 2 : 1);
    yield { start, end, next };
    start = next;
  }
}

/** Where the character stands next; the end of the text where it does not. */
function found(text: string, character: string, from: number): number {
  const at = text.indexOf(character, from);
  return at < 0 ? text.length : at;
}

/** True when `text` has `a=NAME` at `line`, with a value or without. */
export function isAttribute(text: string, line: LineSpan, name: string): boolean {
  if (!text.startsWith('a=', line.start) || !text.startsWith(name, line.start + 2)) return false;
  const after = line.start + 2 + name.length;
  return after === line.end || (after < line.end && text.charAt(after) === ':');
}

/** True for any `a=latch` or `a=latch-challenge`, of whatever version and however malformed. */
export function isLatchLine(text: string, line: LineSpan): boolean {
  return isAttribute(text, line, 'latch') || isAttribute(text, line, 'latch-challenge');
}

/** The line end to write: that of the first line which has CRLF or LF, else CRLF (RFC 8866 section 5). */
export function lineEndOf(text: string): '\r\n' | '\n' {
  const at = text.indexOf('\n');
  return at < 0 || text.charCodeAt(at - 1) === CR ? '\r\n' : '\n';
}

/**
 * `text` without any line of ours (or what `isTaken` names), and with `lines` (without line ends) after the last line of their
 * sections that is not empty. A text that did not end with a line end still does not. Linear in the text.
 * A section that `text` does not have is a caller's mistake: RangeError.
 */
export function spliceLines(
  text: string,
  lines: ReadonlyMap<SectionKey, readonly string[]>,
  isTaken: (text: string, line: LineSpan) => boolean = isLatchLine,
): string {
  const eol = lineEndOf(text);
  const pieces: string[] = [''];
  let anchor = 0;
  let section: SectionKey = 'session';
  let placed = 0;
  let isOpen = false;
  const place = () => {
    const ours = lines.get(section);
    if (ours === undefined) return;
    pieces[anchor] += ours.map((line) => line + eol).join('');
    placed++;
  };
  for (const line of sdpLines(text)) {
    if (text.startsWith('m=', line.start)) {
      place();
      section = section === 'session' ? 0 : section + 1;
    }
    isOpen = line.end === line.next;
    if (isTaken(text, line)) continue;
    // An open last line is closed for now, so that lines can follow it, and the text opened again below.
    pieces.push(text.slice(line.start, line.next) + (isOpen ? eol : ''));
    if (line.end > line.start) anchor = pieces.length - 1;
  }
  place();
  if (placed !== lines.size) throw new RangeError('lines for a section that the SDP does not have');
  const spliced = pieces.join('');
  return isOpen ? withoutLastLineEnd(spliced) : spliced;
}

function withoutLastLineEnd(text: string): string {
  if (text.endsWith('\r\n')) return text.slice(0, -2);
  return text.slice(0, -1);
}

/**
 * `text` without any line of ours: what may travel over a hop that is not encrypted (protocol.md 2).
 * Any string, of any length; all else stays byte for byte.
 */
export function stripLatch(text: string): string {
  return text.includes('a=latch') ? spliceLines(text, new Map()) : text;
}

/** Likewise without keys for SRTP (RFC 4568): what may be logged, and what is left of a description that came in clear to a call set up otherwise. */
export function stripKeys(text: string): string {
  if (!text.includes('a=crypto')) return stripLatch(text);
  return spliceLines(
    text,
    new Map(),
    (all, line) => isLatchLine(all, line) || isAttribute(all, line, 'crypto'),
  );
}
