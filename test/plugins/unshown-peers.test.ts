// Transactions that are left to the package, which keeps each for 32 s and has no bound: of each source and in all there are so many,
// the others are held by the plugin itself (issue 10, demand 6).
import assert from 'node:assert/strict';
import { BoundCounters, DatagramLedger, UnshownTransactions, STRANGER_LIMITS } from '../../lib/sip/index.js';
import { Calls } from '../../lib/sip/calls.js';
import { UnshownPeers } from '../../plugins/sip/unshown-peers.js';
import { FakeLatchkey } from './fake-latchkey.js';
import { sip } from './sip-phones.js';

let asked = 0;
const options = (): string =>
  [
    'OPTIONS sip:a@127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK${++asked}`,
    'From: <sip:a@127.0.0.1>;tag=f',
    'To: <sip:b@127.0.0.1>',
    `Call-ID: ${asked}`,
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');

describe('plugins/sip: requests over UDP from where somebody is shown', () => {
  let ledger: DatagramLedger;
  let peers: UnshownPeers;
  let held: number;

  beforeEach(() => {
    held = 0;
    ledger = new DatagramLedger(() => 0, ['198.51.100.0/24']);
    const bounds = new BoundCounters();
    const ignore = (): void => undefined;
    peers = new UnshownPeers({
      ...{ sip, ledger, bounds, limits: STRANGER_LIMITS },
      transactions: new UnshownTransactions(bounds, () => 0),
      calls: new Calls(
        new FakeLatchkey().asLatchkey,
        { ringingMs: 1000, maxSilenceMs: 1000 },
        { onSession: ignore, onEnd: ignore },
      ),
      local: () => ({ address: '127.0.0.1', port: 5060 }),
      onReceived: ignore,
      onRequest: () => held++,
      onFailed: ignore,
      shape: ignore,
      onSending: ignore,
      send: ignore,
    });
  });

  /** How many of so many requests are left to the package. */
  function left(count: number, addressOf: (i: number) => string): number {
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const address = addressOf(i);
      if (peers.take(options(), { address, family: 'IPv4', port: 5060, size: 0 })) taken++;
    }
    return count - taken;
  }

  it('the package gets 512 of one source, whatever port it uses, and others theirs; the rest is held here', () => {
    ledger.show('192.0.2.1');
    ledger.show('192.0.2.2');
    assert.equal(
      left(600, () => '192.0.2.1'),
      512,
    );
    assert.equal(held, 88);
    assert.equal(
      left(10, () => '192.0.2.2'),
      10,
    );
  });

  it('it gets 4096 in all, but for those of a range that the owner names', () => {
    for (let i = 0; i < 5000; i++) ledger.show(`10.0.${i >> 8}.${i & 255}`);
    assert.equal(
      left(5000, (i) => `10.0.${i >> 8}.${i & 255}`),
      4096,
    );
    assert.equal(
      left(600, () => '198.51.100.7'),
      600,
    );
  });

  it('it gets none from where nobody is shown', () => {
    assert.equal(
      left(10, () => '192.0.2.9'),
      0,
    );
    assert.equal(held, 10);
  });
});
