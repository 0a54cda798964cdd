// The comparison as it is read: tables for the terminal, and docs/comparison.md. It says what was measured and under what
// conditions, and nothing that was not.
import { ATTACK_LEAD_MS, CALL_MS, REBINDING_AFTER_MS } from './call.js';
import { CITED } from './cited.js';
import { INTERVAL_MS } from './content.js';
import { betterThan, columnsOf, failuresOf, medianOf, rowsOf, sayValue, textOf } from './report.js';
import type { Result, Row } from './report.js';
import { callerOf, GROUPS, OURS, SETTINGS } from './settings.js';
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
  /** At which the run had its turns (nice): below 0 ahead of what else the machine did. */
  readonly niceness: number;
}

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
  const { date, versions, runs, tookS, load, cores, niceness } = conditions;
  return `# Comparison with rtpengine

Written by \`npm run compare\` on ${date}; do not edit. The same call, the same attack and the same rebinding of the caller's NAT, through
rtpengine and through latchkey, with plain phones, with phones that have ICE, and with phones that have SRTP with keys in SDP (SDES), in the same lab and
the same run, in turn: ${runs} calls of each row in each scene. Medians; the worst of the ${runs} in brackets where it differs.

${verdictOf(results)}

${GROUPS.map((group) => sectionOf(group, results)).join('\n\n')}

## How to read the tables

- **stolen**: packets of the caller's or the callee's media that arrived at the attacker.
- **injected**: packets with the attacker's content that arrived at the caller or the callee, and that it takes. A phone with SRTP takes only what its key opens.
- **refused**: packets with the attacker's content that were passed on to the caller or the callee, and that its SRTP refuses. A phone without SRTP takes all.
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
  the address that SIP comes from. With latchkey they are \`latchkey call\`, in a room of two of \`latchkey serve\`; as plain phones, with ICE and SDES
  the same small programs as with rtpengine, which call by SIP over TLS.
- A plain phone of latchkey's is asked by a re-INVITE to send to another port, and does ([rule 8.3.6](protocol.md#83-evidence)). The
  attacker has the port of the answer at once, and the other as soon as the phone is found there: before that nobody is told it but the phone. The server has
  200 pairs of ports to choose from, in place of two.
- Phones with ICE check the server's candidate until that answers, then talk, and answer its checks; rtcp-mux. They check for consent every 4 to 6 s
  ([RFC 7675](https://www.rfc-editor.org/rfc/rfc7675)): the first check from behind the rebound NAT comes up to 6 s after it. A phone without consent checks sends none.
- Phones with SDES protect what they send by AES_CM_128_HMAC_SHA1_80; no RTCP. Captures were opened with the keys of the call. Between two of them
  rtpengine 10.5 passes packets on as they are, whatever their tag; where one side is plain it has to open them, and drops those of the attacker.
- The attacker sends RTP of the right payload type to the server's port for the caller, 100 packets a second, until the end. It begins
  ${ATTACK_LEAD_MS} ms before media; with \`latchkey call\` it begins when that is started, which is
  earlier: ${leadsOf(results)}. It has no keys, and repeats nobody's packets.
- ${REBINDING_AFTER_MS / 1000} s after media began the NAT forgets its mappings and gives other ports; ${CALL_MS / 1000} s after media began the call ends.
- The attacker was sent challenges by latchkey, which it cannot answer: ${OURS.map(([, name]) => `${askedOf(name, results)} datagrams a call (${name})`).join(', ')} in the median.
- Machine: ${cores} cores, load average ${load[0].toFixed(1)} at the start and at most ${load[1].toFixed(1)}, niceness ${niceness}; each row's scenes ran at the same time. It took ${Math.round(tookS / 60)} minutes.

${CITED}

## What was not measured

- rtpengine's forwarding in the kernel, other versions of it in this run, and its settings besides these; ICE and SRTP together, and DTLS-SRTP.
- Other attacks than this one: above all a neighbour who repeats the caller's own packets from elsewhere, whose SRTP tags are right. What that gets with latchkey is in
  [threats](threats.md); rtpengine was not asked. Lines with delay and loss; more than one call at a time; speed.
- Delay here is next to nothing. latchkey waits for a round trip and the old path ([rule 5.11](protocol.md#5-what-a-verifier-does)) before it moves media: on a longer line that takes longer.

## How to repeat it

As root on Debian 12, with \`iproute2 nftables conntrack procps tcpdump python3 rtpengine-daemon\`:

    npm run compare -- --runs ${runs}      # about ${Math.ceil(tookS / 60)} minutes; writes this page
    npm run compare -- --runs 1      # a look at it; writes nothing
    RTPENGINE=PATH npm run compare   # another build; prints the page
`;
}

/** Who held, in all of its calls. */
function verdictOf(results: readonly Result[]): string {
  const failures = OURS.flatMap(([, name]) => failuresOf(name, results).map((line) => `${name}: ${line}`));
  const ours =
    failures.length === 0
      ? 'In every one of its calls latchkey lost no packet to the attacker, passed none of its packets on, and media was back after the rebinding, both ways.'
      : `latchkey did not hold in ${failures.length} of its calls:\n\n${failures.map((line) => `- ${line}`).join('\n')}\n`;
  const holding = SETTINGS.filter(
    ({ server, name }) => server === 'rtpengine' && failuresOf(name, results).length === 0,
  ).map(({ name }) => name);
  return `${ours}\n${
    holding.length === 0
      ? 'No row of rtpengine did so in every one of its calls.'
      : `Of the rows of rtpengine so did: ${holding.join('; ')}.`
  }`;
}

function sectionOf(group: Group, results: readonly Result[]): string {
  const columns = columnsOf(group);
  const rows = rowsOf(results, columns);
  const better = OURS.flatMap(([kind, name]) =>
    betterThan(
      name,
      rows.filter(({ setting }) => callerOf(setting) === kind),
      columns,
    ).map((line) => `${name}: ${line}`),
  );
  const notBest =
    better.length === 0
      ? 'By the medians nothing here is better than latchkey with the same phones.'
      : `Where latchkey is not the best of those with the same phones, by the medians:\n\n${better.map((line) => `- ${line}`).join('\n')}`;
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
  const lead = (isOwn: boolean) => {
    const names = SETTINGS.filter((one) => (one.server === 'latchkey' && one.phone === 'latchkey') === isOwn);
    return medianNumber(
      leads.filter(({ setting }) => names.some(({ name }) => name === setting)),
      ({ leadMs }) => leadMs ?? 0,
    );
  };
  return `${lead(true)} ms in the median, and ${lead(false)} ms with the other phones`;
}

function askedOf(name: string, results: readonly Result[]): number {
  const attacked = GROUPS.map((group) => group.attacked.name);
  const of = results.filter(({ setting, scene }) => setting === name && attacked.includes(scene));
  return medianNumber(of, ({ asked }) => asked);
}

function medianNumber(results: readonly Result[], valueOf: (tally: Tally) => number): number {
  return medianOf(results.map((result) => valueOf(result.tally)).sort((a, b) => a - b)) ?? 0;
}
