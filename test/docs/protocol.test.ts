// docs/protocol.md says what the code does: its byte examples are the code's, and so are its numbers.
import assert from 'node:assert/strict';
import { AMPLIFICATION_LIMIT } from '../../lib/core/path/amplification.js';
import { ADMISSIONS_PER_SECOND, MAX_CANDIDATES } from '../../lib/core/path/candidate.js';
import { CANDIDATE_LIFETIME_MS, CANDIDATE_SCHEDULE_MS } from '../../lib/core/proof/challenge.js';
import { ASK_SCHEDULE_MS } from '../../lib/core/path/trial.js';
import {
  DATAGRAMS_PER_ADDRESS,
  DATAGRAMS_PER_NETWORK,
  DATAGRAMS_PER_SECOND,
  DATAGRAMS_PER_SOURCE,
  TARGET_SCHEDULE_MS,
} from '../../lib/core/route/target-bounds.js';
import { ATTRIBUTE } from '../../lib/wire/stun-attribute-types.js';
import { byteExamples } from './byte-examples.js';
import { readText, section } from './repository.js';

describe('docs: protocol.md', () => {
  const page = readText('docs/protocol.md');

  for (const [name, text] of byteExamples())
    it(`the example "${name}" is what the code makes`, () => {
      assert.ok(page.includes(`<!-- bytes:${name} -->\n\`\`\`\n${text}\n\`\`\`\n`));
    });

  it('its timers and limits are those of the code', () => {
    const table = section(page, '## 10. Timers and limits');
    assert.ok(
      table.includes(`${CANDIDATE_SCHEDULE_MS.join(', ')} ms; forgotten at ${CANDIDATE_LIFETIME_MS} ms`),
    );
    assert.ok(table.includes(`| ${ASK_SCHEDULE_MS.join(' and ')} ms |`));
    assert.ok(table.includes(`| ${MAX_CANDIDATES}; ${ADMISSIONS_PER_SECOND} new ones a second |`));
    assert.ok(table.includes(`| ${AMPLIFICATION_LIMIT} times those received |`));
    assert.ok(
      table.includes(
        `| ${TARGET_SCHEDULE_MS.length} at ${TARGET_SCHEDULE_MS.join(', ')} ms for a generation; ${DATAGRAMS_PER_ADDRESS} a minute per IP address, ${DATAGRAMS_PER_NETWORK} per /24 or /64, ${DATAGRAMS_PER_SECOND} a second in all, ${DATAGRAMS_PER_SOURCE} of them for one source |`,
      ),
    );
  });

  it('its attribute types are those of the code', () => {
    const types = section(page, '## 4. Messages on the media port');
    const names = {
      USERNAME: ATTRIBUTE.USERNAME,
      'XOR-MAPPED-ADDRESS': ATTRIBUTE.XOR_MAPPED_ADDRESS,
      'LATCH-CHALLENGE': ATTRIBUTE.LATCH_CHALLENGE,
      'LATCH-PROOF': ATTRIBUTE.LATCH_PROOF,
      'MESSAGE-INTEGRITY-SHA256': ATTRIBUTE.MESSAGE_INTEGRITY_SHA256,
      FINGERPRINT: ATTRIBUTE.FINGERPRINT,
    };
    for (const [name, type] of Object.entries(names))
      assert.ok(types.includes(`| ${name} | 0x${type.toString(16).toUpperCase().padStart(4, '0')} |`), name);
  });

  it('has the sections and rules that comments in the code cite', () => {
    const rules = (heading: string) =>
      [...section(page, heading).matchAll(/^(\d+)\. /gm)].map(([, n]) => Number(n));
    assert.deepEqual(rules('## 5. What a verifier does'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.deepEqual(rules('## 6. What a prover does'), [1, 2, 3, 4, 5]);
    assert.deepEqual(rules('### 8.2 SRTP'), [1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(rules('### 8.3 Evidence'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.deepEqual(
      [...page.matchAll(/^## (\d+)\. /gm)].map(([, n]) => Number(n)),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
  });
});
