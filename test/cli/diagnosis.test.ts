// The doctor's verdicts: protected only where all of it holds, and the first thing that does not, by name.
import assert from 'node:assert/strict';
import { describeDiagnosis, diagnose } from '../../lib/cli/diagnosis.js';
import type { Diagnosis, Facts, Verdict } from '../../lib/cli/diagnosis.js';

const good: Facts = {
  transport: 'tls',
  signalling: 'encrypted',
  isInsecure: false,
  suite: 'HMAC-SHA-256',
  protection: 'latch',
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
  protection: 'none',
  isVerified: false,
  suite: undefined,
  mapping: null,
  nat: null,
};

describe('the diagnosis', () => {
  it('is protected where latch was spoken over verified TLS', () => {
    const diagnosis = diagnose(good);
    assert.deepEqual(diagnosis, {
      verdict: 'latch',
      page: 'docs/doctor.md#latch',
      protected: true,
      protection: 'latch',
      policies: { require: 'latch', prefer: 'latch', legacy: 'latch', blind: 'latch' },
      suite: 'HMAC-SHA-256',
      asked: null,
      srtp: null,
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
      'protected (latch): latch with HMAC-SHA-256, its key exchanged over TLS, the certificate verified',
      'policies: require, prefer, legacy and blind all serve such a peer alike',
      'NAT: changes address and port; 10.0.0.2:5004 is seen as 198.51.100.7:61000',
      'round trip: 20 ms; 125 packets sent, 124 received',
      'more: docs/doctor.md#latch',
    ]);
  });

  it('is protected on loopback without TLS', () => {
    const facts: Facts = { ...good, transport: 'udp', signalling: 'loopback' };
    assert.equal(diagnose(facts).protected, true);
    assert.match(describeDiagnosis(diagnose(facts), facts), /over UDP that does not leave this machine/);
  });

  const unprotected: readonly [string, Partial<Facts>, RegExp, Verdict][] = [
    [
      'the signalling is clear',
      { ...bare, transport: 'udp', signalling: 'clear' },
      /not encrypted .*tls/,
      'none',
    ],
    ['the server speaks neither latch nor ICE', bare, /neither a=latch .* nor ICE/, 'none'],
    ['the server latches blindly', { ...bare, protection: 'legacy' }, /a stranger .* got ours/, 'legacy'],
    [
      'there is only evidence',
      { ...bare, protection: 'evidence' },
      /a stranger with another stream got nothing: no proof/,
      'evidence',
    ],
    ['no check came', { ...bare, protection: 'ice' }, /no check .* 192\.0\.2\.1:40000/, 'unanswered'],
    [
      'ICE went in the clear',
      { ...bare, protection: 'ice', isVerified: true, signalling: 'clear' },
      /ICE .* anybody/,
      'clear',
    ],
    ['no challenge came', { isVerified: false }, /no challenge .* 192\.0\.2\.1:40000/, 'unanswered'],
    ['the certificate was not verified', { isInsecure: true }, /--insecure/, 'insecure'],
    ['the key went in the clear', { transport: 'tcp', signalling: 'clear' }, /anybody can read/, 'clear'],
  ];
  for (const [name, facts, why, verdict] of unprotected)
    it(`is not where ${name}`, () => {
      const all = { ...good, ...facts };
      const diagnosis = diagnose(all);
      assert.equal(diagnosis.protected, false);
      assert.match(diagnosis.why ?? '', why);
      assert.match(
        describeDiagnosis(diagnosis, all),
        new RegExp(`^not (?:protected|proven) \\(${verdict}\\): `),
      );
      assert.deepEqual([diagnosis.verdict, diagnosis.page], [verdict, `docs/doctor.md#${verdict}`]);
    });

  it('is direct where latch was spoken and there is no NAT', () => {
    const facts: Facts = { ...good, nat: 'none', mapping: good.signalled };
    assert.equal(diagnose(facts).protection, 'direct');
    assert.match(describeDiagnosis(diagnose(facts), facts), /^protected \(direct\): latch with HMAC/);
  });

  it("is protected by ICE's checks", () => {
    const facts: Facts = { ...good, protection: 'ice', suite: undefined, nat: 'none' };
    assert.deepEqual([diagnose(facts).protected, diagnose(facts).protection], [true, 'ice']);
    assert.match(describeDiagnosis(diagnose(facts), facts), /^protected \(ice\): the checks of ICE, its key/);
  });

  const policies: readonly (readonly [Facts['protection'], Diagnosis['policies'], RegExp])[] = [
    [
      'latch',
      { require: 'latch', prefer: 'latch', legacy: 'latch', blind: 'latch' },
      /all serve such a peer alike/,
    ],
    ['ice', { require: 'ice', prefer: 'ice', legacy: 'ice', blind: 'ice' }, /all serve such a peer alike/],
    [
      'srtp',
      { require: 'srtp', prefer: 'srtp', legacy: 'srtp', blind: 'srtp' },
      /all serve such a peer alike/,
    ],
    ...(['evidence', 'legacy', 'none'] as const).map(
      (protection) =>
        [
          protection,
          { require: 'refused', prefer: 'evidence', legacy: 'evidence', blind: 'legacy' },
          /require refuses .*; prefer goes by evidence; legacy too, .*; blind latches onto the first/,
        ] as const,
    ),
  ];
  for (const [protection, expected, line] of policies)
    it(`tells what each policy makes of a peer with ${protection}`, () => {
      const facts: Facts = { ...good, protection };
      const diagnosis = diagnose(facts);
      assert.deepEqual(diagnosis.policies, expected);
      assert.match(describeDiagnosis(diagnosis, facts), line);
    });

  it('says whether a phone without a key was asked to send to another port', () => {
    const [asked, unasked] = [true, false].map((wasAsked) =>
      diagnose({ ...good, ...bare, protection: 'evidence', wasAsked }),
    );
    assert.deepEqual([asked?.asked, unasked?.asked], [true, false]);
    assert.match(asked?.why ?? '', /asked us over the signalling to go on at another port/);
    assert.doesNotMatch(unasked?.why ?? '', /asked us/);
  });

  it('tells that require refuses ICE over clear signalling', () => {
    const facts: Facts = { ...good, protection: 'ice', transport: 'udp', signalling: 'clear' };
    assert.equal(diagnose(facts).policies.require, 'refused');
    assert.match(describeDiagnosis(diagnose(facts), facts), /require refuses .*; prefer, legacy and blind/);
  });

  const followed = { forgeryHeard: false, strangerFollowed: false, followedMs: 21.4 };
  const withSrtp = (srtp: Facts['srtp'], more: Partial<Facts> = {}): Facts => ({
    ...{ ...good, ...bare, protection: 'srtp', isVerified: true, suite: 'AES_CM_128_HMAC_SHA1_80' },
    ...(srtp && { srtp }),
    ...more,
  });

  it('is protected by packets under a key of SRTP, and tells whether another port is followed', () => {
    for (const [srtp, line] of [
      [followed, /^rebinding: followed; media came to another port 21 ms after/m],
      [{ ...followed, followedMs: null }, /^rebinding: not followed/m],
    ] as const) {
      const facts = withSrtp(srtp);
      const diagnosis = diagnose(facts);
      assert.deepEqual([diagnosis.verdict, diagnosis.protected, diagnosis.srtp], ['srtp', true, srtp]);
      assert.match(
        describeDiagnosis(diagnosis, facts),
        /^protected \(srtp\): packets under our key of SRTP, AES/,
      );
      assert.match(describeDiagnosis(diagnosis, facts), line);
    }
  });

  for (const [name, facts, verdict, why] of [
    ['a stranger is sent media', withSrtp({ ...followed, strangerFollowed: true }), 'forgeable', /to a port/],
    ['a forgery is heard', withSrtp({ ...followed, forgeryHeard: true }), 'forgeable', /not under our key/],
    ['nothing comes back', withSrtp(followed, { isVerified: false }), 'unanswered', /under the server's key/],
    [
      'nobody vouches for the server',
      withSrtp(followed, { isInsecure: true }),
      'insecure',
      /^SRTP .*--insecure/,
    ],
    [
      'the server has no key',
      withSrtp(followed, { protection: 'none', suite: undefined }),
      'none',
      /no a=crypto that fits ours/,
    ],
  ] as const)
    it(`is not by SRTP where ${name}`, () => {
      const diagnosis = diagnose(facts);
      assert.deepEqual([diagnosis.verdict, diagnosis.protected], [verdict, false]);
      assert.match(diagnosis.why ?? '', why);
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
