// The comparison as it is read: tables for the terminal, and docs/comparison.md. It says what was measured and under what
// conditions, and nothing that was not.
import { ATTACK_LEAD_MS, CALL_MS, REBINDING_AFTER_MS } from './call.js';
import { INTERVAL_MS } from './content.js';
import { betterThan, columnsOf, failuresOf, medianOf, rowsOf, sayValue, textOf } from './report.js';
import type { Result, Row } from './report.js';
import { GROUPS, SETTINGS } from './settings.js';
import type { Group } from './settings.js';
import type { Tally } from './tally.js';

export interface Conditions {
  readonly date: string;
  /** What was compared, and on what: name and version. */
  readonly versions: readonly (readonly [string, string])[];
  /** Calls of each setting in each scene. */
  readonly runs: number;
  readonly tookS: number;
  /** One-minute load average: when it began, and at most. */
  readonly load: readonly [number, number];
  readonly cores: number;
}

/** The setting that must hold what it promises. */
export const OURS = 'latchkey';

/** For the terminal. */
export function printed(results: readonly Result[]): string {
  return GROUPS.map((group) => {
    const columns = columnsOf(group);
    const lines = [
      ['', ...columns.map(({ title }) => title)],
      ...rowsOf(results, columns).map(({ setting, cells }) => [setting, ...cells.map(textOf)]),
    ];
    const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
    const table = lines.map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
    return [`${group.title}, ${countsOf(group, results)}`, ...table].join('\n');
  }).join('\n\n');
}

/** docs/comparison.md. */
export function documentOf(results: readonly Result[], conditions: Conditions): string {
  const { date, versions, runs, tookS, load, cores } = conditions;
  const failures = failuresOf(OURS, results);
  const verdict =
    failures.length === 0
      ? 'In every one of its calls latchkey lost no packet to the attacker, let none of its packets in, and media was back after the rebinding, both ways.'
      : `latchkey did not hold in ${failures.length} of its calls:\n\n${failures.map((line) => `- ${line}`).join('\n')}`;
  return `# Comparison with rtpengine

Written by \`npm run compare\` on ${date}; do not edit. The same call, the same attack and the same rebinding of the caller's NAT, through
rtpengine with four settings and through latchkey, in the same lab and the same run, in turn: ${runs} calls of each setting in each scene.
Medians; the worst of the ${runs} in brackets where it differs.

${verdict}

${GROUPS.map((group) => sectionOf(group, results)).join('\n\n')}

## How to read the tables

- **stolen**: packets of the caller's or the callee's media that arrived at the attacker.
- **injected**: packets with the attacker's content that arrived at the caller or the callee.
- **to the caller**, **from the caller**: what the rebinding cost the media of that direction. Milliseconds: the longest gap
  that ended after the rebinding, less the ${INTERVAL_MS} ms between packets. *to the end*: nothing in the last second of the call. *all before*: nothing
  in the second before the rebinding, so that there was nothing left to lose.
- All numbers were counted in captures: \`tcpdump\` at the attacker, at the caller and at the callee. No program was asked.

## Each call

From the best to the worst.

${GROUPS.map((group) => everyCall(group, results)).join('\n\n')}

## What was compared

| row | settings |
|---|---|
${SETTINGS.map(({ name, says }) => `| ${name} | ${says} |`).join('\n')}

| | version |
|---|---|
${versions.map(([name, version]) => `| ${name} | ${version} |`).join('\n')}

- The caller is behind a Linux NAT and says its private address; the callee has a public address and no NAT. Both send PCMU, 50 packets a
  second, from the port that they signal. With rtpengine they are small programs of the lab, and a script says offer and answer by the ng protocol, with
  the address that SIP comes from. With latchkey they are \`latchkey call\`, in a room of two of \`latchkey serve\`.
- The attacker sends RTP of the right payload type to the server's port for the caller, 100 packets a second, until the end. It begins
  ${ATTACK_LEAD_MS} ms before media; with latchkey it begins when \`latchkey call\` is started, which is
  earlier: ${leadsOf(results)}.
- ${REBINDING_AFTER_MS / 1000} s after media began the NAT forgets its mappings and gives other ports; ${CALL_MS / 1000} s after media began the call ends.
- The attacker was sent challenges by latchkey, which it cannot answer: ${askedOf(results)} datagrams a call in the median.
- Machine: ${cores} cores, load average ${load[0].toFixed(1)} at the start and at most ${load[1].toFixed(1)}; each row's scenes ran at the same time. It took ${Math.round(tookS / 60)} minutes.

## What was not measured

- rtpengine's forwarding in the kernel, other versions of it, and its settings besides these.
- Clients with ICE or SRTP, with rtpengine or with latchkey: ICE changes what any server can know.
- Other attacks than this one; lines with delay and loss; more than one call at a time; speed.
- Delay here is next to nothing. latchkey waits for a round trip and the old path ([rule 5.11](protocol.md#5-what-a-verifier-does)) before it moves media: on a longer line that takes longer.

## How to repeat it

As root on Debian 12, with \`iproute2 nftables conntrack procps tcpdump python3 rtpengine-daemon\`:

    npm run compare                  # about ${Math.ceil(tookS / 60)} minutes; writes this page
    npm run compare -- --runs 1      # a look at it; writes nothing
`;
}

function sectionOf(group: Group, results: readonly Result[]): string {
  const columns = columnsOf(group);
  const rows = rowsOf(results, columns);
  const better = betterThan(OURS, rows, columns);
  const notBest =
    better.length === 0
      ? 'By the medians nothing here is better than latchkey.'
      : `Where latchkey is not the best, by the medians:\n\n${better.map((line) => `- ${line}`).join('\n')}`;
  return `## ${group.title}

${group.says} ${countsOf(group, results)[0]!.toUpperCase()}${countsOf(group, results).slice(1)}.

${tableOf(['', ...columns.map(({ title }) => title)], rows, (row) => row.cells.map(textOf))}

${notBest}`;
}

function everyCall(group: Group, results: readonly Result[]): string {
  const columns = columnsOf(group);
  const head = [group.title, ...columns.map(({ title }) => title)];
  return tableOf(head, rowsOf(results, columns), (row) =>
    row.cells.map((cell) => cell.map(sayValue).join(', ')),
  );
}

function tableOf(head: readonly string[], rows: readonly Row[], cellsOf: (row: Row) => string[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => line([row.setting, ...cellsOf(row)])),
  ].join('\n');
}

/** Out of how many. */
function countsOf({ attacked }: Group, results: readonly Result[]): string {
  const of = results.filter(({ scene }) => scene === attacked.name);
  return `${medianNumber(of, ({ genuine }) => genuine)} packets to the caller and ${medianNumber(of, ({ attack }) => attack)} of the attacker's in a call`;
}

function leadsOf(results: readonly Result[]): string {
  const leads = GROUPS.flatMap(({ attacked }) => results.filter(({ scene }) => scene === attacked.name));
  const of = (server: string) => {
    const names = SETTINGS.filter((setting) => setting.server === server).map(({ name }) => name);
    return medianNumber(
      leads.filter(({ setting }) => names.includes(setting)),
      ({ leadMs }) => leadMs ?? 0,
    );
  };
  return `${of('latchkey')} ms in the median, and ${of('rtpengine')} ms with rtpengine`;
}

function askedOf(results: readonly Result[]): number {
  const attacked = GROUPS.map((group) => group.attacked.name);
  const of = results.filter(({ setting, scene }) => setting === OURS && attacked.includes(scene));
  return medianNumber(of, ({ asked }) => asked);
}

function medianNumber(results: readonly Result[], valueOf: (tally: Tally) => number): number {
  return medianOf(results.map((result) => valueOf(result.tally)).sort((a, b) => a - b)) ?? 0;
}
