// npm run odds: attackers and plain phones in virtual time, against each way of finding a phone that has no key. Prints a table a
// phone; --write puts them into docs/threats.md. The same seed and number of calls give the same tables.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { playCell } from './cell.js';
import { playCrowd } from './crowd.js';
import { PHONES } from './phone.js';
import { CROWD, PLAYED, SERVERS } from './rows.js';
import { crowdTableOf, insertOdds, tableOf } from './table.js';

const DOCUMENT = fileURLToPath(new URL('../../docs/threats.md', import.meta.url));
const CALLS = 100;

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: String(CALLS) },
    seed: { type: 'string', default: '1' },
    phone: { type: 'string' },
    server: { type: 'string' },
    offers: { type: 'string' },
    /** A part of the name of an attack. */
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const calls = Number(values.calls);
const seed = Number(values.seed);
const servers = SERVERS.filter(({ name }) => name.includes(values.server ?? ''));
const played = PLAYED.filter(([phone]) => values.phone === undefined || phone === values.phone);
const offers = values.offers === 'ours' || values.offers === 'theirs' ? values.offers : undefined;
const isWhole = [values.phone, values.server, values.offers, values.only || undefined].every(
  (part) => part === undefined,
);

const fault = [
  ...(Number.isInteger(calls) && calls > 0 ? [] : ['--calls is a whole number from 1']),
  ...(Number.isInteger(seed) && seed >= 0 ? [] : ['--seed is a whole number from 0']),
  ...(servers.length > 0 ? [] : ['--server is a part of the name of a server']),
  ...(played.length > 0 ? [] : [`--phone is one of ${PLAYED.map(([phone]) => phone).join(', ')}`]),
  ...(values.offers === offers ? [] : ['--offers is ours or theirs']),
  ...(values.write && !isWhole ? ['--write is for the whole tables'] : []),
];
if (fault.length > 0) {
  for (const line of fault) console.error(`npm run odds: ${line}`);
  process.exit(2);
}

const startMs = Date.now();
const tables = played.map(([phone, attacks]) => {
  const rows = attacks
    .filter(({ name }) => name.includes(values.only))
    .map((attack) => {
      console.error(`${PHONES[phone].name}: ${attack.position}, ${attack.name}`);
      return {
        attack,
        cells: servers.map((server) => playCell({ server, attack, phone, calls, seed, offers })),
      };
    });
  return `The phone ${PHONES[phone].name}:\n\n${tableOf(PHONES[phone], servers, rows)}`;
});
if (isWhole) {
  const { phone, callsPerS } = CROWD;
  console.error(`a crowd of ${CROWD.calls} calls`);
  const rows = servers.map(
    (server) => [server, playCrowd({ ...CROWD, phone: PHONES[phone], server, seed })] as const,
  );
  tables.push(
    `${CROWD.calls} calls at one server, ${callsPerS} of them begun each second; each has a neighbour who ${CROWD.attack.name}:\n\n${crowdTableOf(rows)}`,
  );
}
const text = [`${calls} calls a row, seed ${seed}.`, ...tables].join('\n\n');
console.log(text);
console.error(`${Math.round((Date.now() - startMs) / 1000)} s`);
if (values.write) {
  const document = insertOdds(readFileSync(DOCUMENT, 'utf8'), text);
  const options = { ...(await resolveConfig(DOCUMENT)), parser: 'markdown' };
  writeFileSync(DOCUMENT, await format(document, options));
  console.error('written to docs/threats.md');
}
