// The call ladder: a column for each host of a call, an arrow for each message, and between them where media began, where
// it came from another address, and who else sent there. Before each, seconds since the capture began, the time of day and the
// number of the frame. Plain text, no colours.
import type { Call, CallMessage, MediaDescription } from '../capture/call.js';
import type { CaptureFindings } from '../capture/capture-analysis.js';
import type { CallReport, StreamReport } from '../capture/capture-report.js';
import type { TransportAddress } from '../wire/index.js';
import { formatAddress } from '../wire/index.js';
import { clock, dateTime, plural, printable, seconds } from './replay-text.js';

/** Seconds, the time of day, and two spaces behind each. */
const TIMES_WIDTH = 9 + 2 + 12 + 2;
const COLUMN_WIDTH_MIN = 22;
/** Reason: nobody reads more; --json has them all. */
const CALLS_SHOWN = 20;
const ROWS_SHOWN = 200;

interface Row {
  readonly atMs: number;
  readonly frame: number;
  readonly from: string;
  readonly to: string;
  readonly label: string;
  readonly line: '-' | '=' | '!';
  readonly notes: readonly string[];
}

/** Lines of at most `width` characters. */
export function drawCalls({ report, calls }: CaptureFindings, width: number): string[] {
  const lines: string[] = [];
  for (const [index, call] of calls.slice(0, CALLS_SHOWN).entries()) {
    const found = report.calls[index];
    if (found) lines.push('', ...drawCall(call, found, report.streams, report.startedMs ?? 0, width));
  }
  const hidden = calls.length - CALLS_SHOWN;
  if (hidden > 0) lines.push('', `and ${plural(hidden, 'more call')}, which --json has too`);
  const why =
    report.sip.cutBeforeCallId > 0
      ? 'what there is of SIP is cut off before it names one'
      : 'no SIP in the clear that begins, holds or ends one';
  if (calls.length === 0) lines.push('', `no calls: ${why}`);
  return lines;
}

function drawCall(
  call: Call,
  found: CallReport,
  streams: readonly StreamReport[],
  startedMs: number,
  width: number,
): string[] {
  const place = columnNames(call);
  const rows = [
    ...call.messages.map((message) => messageRow(message, place, startedMs)),
    ...found.streams.flatMap((index) => mediaRows(index, streams[index], place)),
  ].sort((a, b) => a.atMs - b.atMs);
  const names: string[] = [];
  for (const { from, to } of rows) for (const name of [from, to]) if (!names.includes(name)) names.push(name);
  const frameWidth = String(Math.max(0, ...rows.map(({ frame }) => frame))).length;
  const margin = TIMES_WIDTH + frameWidth + 2;
  const shown = names.slice(0, Math.max(2, Math.floor((width - margin) / COLUMN_WIDTH_MIN)));
  const step = Math.floor((width - margin) / Math.max(1, shown.length));
  const at = new Map(shown.map((name, i) => [name, margin + i * step + Math.floor(step / 2)]));
  const lines = [
    `call ${printable(call.callId, width - 5)}`,
    `  ${printable(`${call.from || '?'} calls ${call.to || '?'}`, width - 2)}`,
    `  from ${dateTime(startedMs + found.startMs)}`,
    `  ${printable(outcomeOf(found), width - 2)}`,
    ...header(at, step, width),
    ...rows.slice(0, ROWS_SHOWN).flatMap((row) => drawRow(row, at, { width, margin, frameWidth, startedMs })),
  ];
  const hidden = rows.length - ROWS_SHOWN + call.unlistedMessages;
  if (hidden > 0) lines.push(`${' '.repeat(margin)}and ${plural(hidden, 'more line')}`);
  return lines;
}

/** What became of the call, and nothing that the capture does not show. */
function outcomeOf({ outcome, status, ended, forks, onlyHeard }: CallReport): string {
  const parts = [outcome === 'refused' ? `refused with ${status}` : OUTCOMES[outcome]];
  if (outcome === 'answered' && status !== 200)
    parts[0] += ' (its answer is not in this capture, what follows one is)';
  if (forks.length > 1) parts.push(`${forks.length} forks`);
  if (!ended) parts.push('not seen to end');
  if (onlyHeard) parts.push(`nothing from the ${onlyHeard === 'caller' ? 'callee' : 'caller'} was captured`);
  return parts.join(', ');
}

const OUTCOMES = {
  answered: 'answered',
  cancelled: 'cancelled before an answer',
  unknown: 'no answer in this capture',
} as const;

/** Columns are hosts, unless a host talks to itself: then they are its ports. */
function columnNames(call: Call): (address: TransportAddress) => string {
  const isLocal = call.messages.some(({ source, destination }) => source.address === destination.address);
  return (address) => (isLocal ? formatAddress(address) : address.address);
}

function messageRow(
  message: CallMessage,
  place: (address: TransportAddress) => string,
  startedMs: number,
): Row {
  const { atMs, frame, source, destination, method, status, reason, transport, description } = message;
  const what = status === undefined ? method : `${status} ${reason} (${method})`;
  const { repeats, copies } = message;
  const times = `${repeats > 0 ? ` x${repeats + 1}` : ''}${copies > 0 ? ' captured twice' : ''}`;
  const over = transport === 'udp' ? '' : ` ${transport}`;
  return {
    atMs: atMs - startedMs,
    frame,
    from: place(source),
    to: place(destination),
    label: `${what}${times}${over}`,
    line: '-',
    notes: description ? notesOf(description) : [],
  };
}

function notesOf({ media, role, isCut }: MediaDescription): string[] {
  if (media.length === 0 && isCut) return [`${role}, cut off`];
  return media.map(({ kind, rtp, direction, ufrag, latchTag, keys }) => {
    const found = latchTag !== undefined ? ' latch' : ufrag !== undefined ? ' ice' : '';
    const proof = keys.length > 0 ? `${found} srtp` : found;
    const way = direction === 'sendrecv' ? '' : ` ${direction}`;
    return `${role} ${kind} ${rtp ? formatAddress(rtp) : 'nowhere'}${way}${proof}`;
  });
}

function mediaRows(
  index: number,
  stream: StreamReport | undefined,
  place: (address: TransportAddress) => string,
): Row[] {
  if (!stream) return [];
  const to = place(parseEnd(stream.destination));
  const codec = stream.codec?.split('/')[0] ?? `type ${stream.payloadType}`;
  const own = stream.intruders.filter((one) => one.stream === index);
  const isGenuine = stream.sources.some(({ source }) => own.every((one) => one.source !== source));
  const rows: Row[] = [];
  if (isGenuine) {
    const nat = stream.nat === null || stream.nat === 'none' ? '' : `, signalled as ${stream.signalled}`;
    const end = stream.natEnd === 'destination' ? stream.destination : stream.source;
    rows.push({
      atMs: stream.firstMs,
      frame: stream.firstFrame,
      from: place(parseEnd(stream.source)),
      to,
      label: `#${index} ${codec} ${stream.packets} packets`,
      line: '=',
      notes: nat === '' ? [] : [`#${index} NAT: ${end}${nat}`],
    });
  }
  for (const { atMs, frame, source } of stream.changes)
    rows.push({
      atMs,
      frame,
      from: place(parseEnd(source)),
      to,
      label: `#${index} moved`,
      line: '=',
      notes: [`#${index} now from ${source}`],
    });
  for (const { firstMs, firstFrame, source, packets, reason } of own)
    rows.push({
      atMs: firstMs,
      frame: firstFrame,
      from: place(parseEnd(source)),
      to,
      label: `#${index} intruder`,
      line: '!',
      notes: [`#${index} ${source}: ${plural(packets, 'packet')}, ${REASONS[reason]}`],
    });
  return rows;
}

const REASONS = {
  unverified: 'never verified',
  'same-ssrc': 'while the sender went on',
  'other-ssrc': 'another SSRC',
  forged: 'wrong tags',
  copied: 'copies',
} as const;

function parseEnd(text: string): TransportAddress {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** Names over their columns; where one is too long for its own, all get numbers, which are explained above them. */
function header(at: ReadonlyMap<string, number>, step: number, width: number): string[] {
  const names = [...at.keys()];
  const areLong = names.some((name) => name.length > step - 1);
  const lines = areLong ? names.map((name, i) => printable(`  [${i + 1}] ${name}`, width)) : [];
  let line = '';
  for (const [i, [name, column]] of [...at].entries()) {
    const text = areLong ? `[${i + 1}] ${tailOf(name, step - 5)}` : name;
    line = line.padEnd(column - Math.floor(text.length / 2)) + text;
  }
  return [...lines, line];
}

/** The end of an IPv6 address says more than its beginning, which is the same for a whole network. */
function tailOf(name: string, size: number): string {
  return name.length > size ? `..${name.slice(2 - size)}` : name;
}

interface Layout {
  readonly width: number;
  /** Of times and frame. */
  readonly margin: number;
  readonly frameWidth: number;
  readonly startedMs: number;
}

function drawRow(
  { atMs, frame, from, to, label, line, notes }: Row,
  at: ReadonlyMap<string, number>,
  { width, margin, frameWidth, startedMs }: Layout,
): string[] {
  const [a, b] = [at.get(from), at.get(to)];
  const number = String(frame).padStart(frameWidth);
  const time = `${seconds(atMs).padStart(9)}  ${clock(startedMs + atMs)}  ${number}`;
  const bars = (): string[] => {
    const cells = Array.from({ length: width }, () => ' ');
    for (const column of at.values()) cells[column] = '|';
    return cells;
  };
  const cells = bars();
  const text = printable(label, width - margin);
  let noteAt = margin;
  if (a === undefined || b === undefined || a === b) {
    put(cells, margin, printable(`${from} > ${to} ${text}`, width - margin));
  } else {
    const [left, right] = [Math.min(a, b), Math.max(a, b)];
    for (let i = left + 1; i < right; i++) cells[i] = line;
    if (a < b) cells[right - 1] = '>';
    else cells[left + 1] = '<';
    const short = printable(text, right - left - 5);
    put(cells, left + Math.max(2, Math.floor((right - left - short.length) / 2)), ` ${short} `);
    noteAt = left + 2;
  }
  put(cells, 0, time);
  return [cells.join('').trimEnd()].concat(
    notes.map((note) => {
      const under = bars();
      const text = printable(note, width - margin);
      put(under, Math.min(noteAt, width - text.length), text);
      return under.join('').trimEnd();
    }),
  );
}

function put(cells: string[], at: number, text: string): void {
  for (let i = 0; i < text.length && at + i < cells.length; i++) cells[at + i] = text[i] ?? ' ';
}
