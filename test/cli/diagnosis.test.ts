// The doctor's verdicts: protected only where all of it holds, and the first thing that does not, by name.
import assert from 'node:assert/strict';
import { describeDiagnosis, diagnose } from '../../lib/cli/diagnosis.js';
import type { Facts } from '../../lib/cli/diagnosis.js';

const good: Facts = {
  transport: 'tls',
  signalling: 'encrypted',
  isInsecure: false,
  suite: 'HMAC-SHA-256',
  isLatched: true,
  isVerified: true,
  media: '192.0.2.1:40000',
  signalled: '10.0.0.2:5004',
  mapping: '198.51.100.7:61000',
  nat: 'both',
  sent: 125,
  received: 124,
  roundTripsMs: [30, 10, 20],
};

const bare: Partial<Facts> = {
  isLatched: false,
  isVerified: false,
  suite: undefined,
  mapping: null,
  nat: null,
};

describe('the diagnosis', () => {
  it('is protected where latch was spoken over verified TLS', () => {
    const diagnosis = diagnose(good);
    assert.deepEqual(diagnosis, {
      protected: true,
      by: 'latch',
      suite: 'HMAC-SHA-256',
      signalling: 'encrypted',
      certificate: 'verified',
      why: null,
      signalled: '10.0.0.2:5004',
      mapping: '198.51.100.7:61000',
      nat: 'both',
      roundTripMs: 20,
      sent: 125,
      received: 124,
    });
    assert.deepEqual(describeDiagnosis(diagnosis, good).split('\n'), [
      'protected: latch with HMAC-SHA-256, its key exchanged over TLS, the certificate verified',
      'NAT: changes address and port; 10.0.0.2:5004 is seen as 198.51.100.7:61000',
      'round trip: 20 ms; 125 packets sent, 124 received',
    ]);
  });

  it('is protected on loopback without TLS', () => {
    const facts: Facts = { ...good, transport: 'udp', signalling: 'loopback' };
    assert.equal(diagnose(facts).protected, true);
    assert.match(describeDiagnosis(diagnose(facts), facts), /over UDP that does not leave this machine/);
  });

  const unprotected: readonly [string, Partial<Facts>, RegExp][] = [
    ['the signalling is clear', { ...bare, transport: 'udp', signalling: 'clear' }, /not encrypted .*tls/],
    ['the server speaks no latch', bare, /no a=latch/],
    ['no challenge came', { isVerified: false }, /no challenge .* 192\.0\.2\.1:40000/],
    ['the certificate was not verified', { isInsecure: true }, /--insecure/],
    ['the key went in the clear', { transport: 'tcp', signalling: 'clear' }, /anybody can read/],
  ];
  for (const [name, facts, why] of unprotected)
    it(`is not where ${name}`, () => {
      const all = { ...good, ...facts };
      const diagnosis = diagnose(all);
      assert.equal(diagnosis.protected, false);
      assert.match(diagnosis.why ?? '', why);
      assert.match(describeDiagnosis(diagnosis, all), /^not protected: /);
    });

  const nats: readonly [Partial<Facts>, RegExp][] = [
    [{ nat: 'none' }, /^NAT: none; the server sees 198/m],
    [{ nat: 'address' }, /^NAT: changes the address and keeps the port/m],
    [{ nat: 'port' }, /^NAT: changes the port and keeps the address/m],
    [{ nat: null, mapping: null }, /^NAT: not known; we signalled 10\.0\.0\.2:5004/m],
  ];
  for (const [facts, line] of nats)
    it(`tells the NAT: ${facts.nat ?? 'unknown'}`, () => {
      const all = { ...good, ...facts };
      assert.match(describeDiagnosis(diagnose(all), all), line);
    });

  it('measures no round trip where nothing comes back', () => {
    const facts = { ...good, roundTripsMs: [] };
    assert.equal(diagnose(facts).roundTripMs, null);
    assert.match(describeDiagnosis(diagnose(facts), facts), /not measured/);
  });
});
