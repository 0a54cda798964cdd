// The examples of docs/protocol.md, made by the code with fixed secrets: run as a program it prints them for the page, and
// the test compares the page with them.
import { computeProof, deriveKeys } from '../../lib/core/index.js';
import type { KeyInput, Suite } from '../../lib/core/index.js';
import { nodeCrypto } from '../../lib/net/node-crypto.js';
import {
  encodeChallenge,
  encodeHello,
  encodeKeepalive,
  encodeResponse,
  encodeWelcome,
  formatChallenge,
  formatLatch,
} from '../../lib/wire/index.js';

const counting = (from: number, sizeBytes: number): Uint8Array =>
  Uint8Array.from({ length: sizeBytes }, (_, i) => from + i);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const prover = { tag: 'phonePhone01', secret: counting(0x00, 32) };
const verifier = { tag: 'serverSide02', secret: counting(0x20, 32) };
const offeredSuites = 'HMAC-SHA-256,AES-256';
const sdpWord = counting(0x40, 16);
const freshWord = counting(0x50, 16);
const helloTransaction = Uint8Array.of(0, 0, 0, 1, ...counting(0x60, 8));
const keepaliveTransaction = Uint8Array.of(0, 0, 0, 2, ...counting(0x68, 8));
const challengeTransaction = counting(0x70, 12);
const mapping = { address: '203.0.113.7', port: 61234 };
const server = { address: '198.51.100.1', port: 5000 };

function keysOf(suite: Suite) {
  const input: KeyInput = { offerer: prover, answerer: verifier, offeredSuites, suite };
  return deriveKeys(nodeCrypto, input);
}

function proofOf(suite: Suite, word: Uint8Array): Uint8Array {
  const input = { proverTag: prover.tag, verifierTag: verifier.tag, component: 1 as const, word };
  return computeProof(nodeCrypto, suite, keysOf(suite), input);
}

const NAMES: Readonly<Record<number, string>> = {
  0x0006: 'USERNAME',
  0x0020: 'XOR-MAPPED-ADDRESS',
  0x001c: 'MESSAGE-INTEGRITY-SHA256',
  0x8028: 'FINGERPRINT',
  0xc1a0: 'LATCH-CHALLENGE',
  0xc1a1: 'LATCH-PROOF',
};

/** One line for the type and length, the cookie, the transaction, and each attribute. */
function dump(bytes: Uint8Array): string {
  const view = Buffer.from(bytes);
  const lines = [
    `${hex(bytes.subarray(0, 4))}                          type and length: ${view.readUInt16BE(2)} bytes follow the header`,
    `${hex(bytes.subarray(4, 8))}                          magic cookie`,
    `${hex(bytes.subarray(8, 20))}          transaction`,
  ];
  for (let at = 20; at < bytes.length;) {
    const sizeBytes = view.readUInt16BE(at + 2);
    const next = at + 4 + ((sizeBytes + 3) & ~3);
    const name = NAMES[view.readUInt16BE(at)] ?? 'unknown';
    lines.push(`${hex(bytes.subarray(at, at + 4))}                          ${name}, ${sizeBytes} bytes`);
    for (let from = at + 4; from < next; from += 16)
      lines.push(`  ${hex(bytes.subarray(from, Math.min(from + 16, next)))}`);
    at = next;
  }
  return lines.join('\n');
}

/** Each example by the name under which it stands in the page. */
export function byteExamples(): ReadonlyMap<string, string> {
  const keys = keysOf('HMAC-SHA-256');
  const seal = [keys.integrity.reveal(), nodeCrypto.hmacSha256] as const;
  const names = { recipient: verifier.tag, sender: prover.tag };
  const [hello, keepalive] = [helloTransaction, keepaliveTransaction];
  const proof = (word: Uint8Array) => proofOf('HMAC-SHA-256', word);
  const sdp = [
    `offer    ${formatLatch({ version: 1, ...prover, suitesText: offeredSuites })}`,
    `answer   ${formatLatch({ version: 1, ...verifier, suite: 'HMAC-SHA-256', keepaliveS: 15 })}`,
    `         ${formatChallenge(sdpWord)}`,
  ];
  const derived = (['HMAC-SHA-256', 'AES-256'] as const).flatMap((suite) => [
    suite,
    `  K_integrity  ${hex(keysOf(suite).integrity.reveal())}`,
    `  K_proof      ${hex(keysOf(suite).proof.reveal())}`,
    `  proof        ${hex(proofOf(suite, sdpWord))}`,
  ]);
  const challenge = { recipient: prover.tag, sender: verifier.tag, word: freshWord };
  return new Map([
    ['sdp', sdp.join('\n')],
    ['keys', derived.join('\n')],
    ['hello', dump(encodeHello({ ...names, proof: proof(sdpWord), transaction: hello }, ...seal))],
    ['welcome', dump(encodeWelcome({ mapped: mapping, transaction: hello }, ...seal))],
    ['challenge', dump(encodeChallenge({ ...challenge, transaction: challengeTransaction }, ...seal))],
    [
      'response',
      dump(
        encodeResponse(
          { mapped: server, proof: proof(freshWord), transaction: challengeTransaction },
          ...seal,
        ),
      ),
    ],
    ['keepalive', dump(encodeKeepalive({ ...names, transaction: keepalive }, ...seal))],
  ]);
}

if (process.argv[1]?.endsWith('byte-examples.ts'))
  for (const [name, text] of byteExamples()) console.log(`-- ${name}\n${text}`);
