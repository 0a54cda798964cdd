// protocol.md 8.2 and RFC 4568: a=crypto in offers and answers. What flows under the keys is tested elsewhere.
import assert from 'node:assert/strict';
import {
  SRTP_SUITES,
  srtpSuite,
  type Policy,
  type SdpSession,
  type SdpSessionOptions,
  type SrtpSuite,
} from '../../lib/core/index.js';
import { parseSdp, type CryptoAttribute, type SdpMedia } from '../../lib/wire/index.js';
import { EngineBench } from '../support/engine-bench.js';
import { baresipOffer, cryptoLine, LINPHONE } from '../support/sdes-offers.js';
import { findLeak, printings } from '../support/secrecy.js';

const suite = (name: string): SrtpSuite => {
  const found = srtpSuite(name);
  assert.ok(found);
  return found;
};
const CM_80 = suite('AES_CM_128_HMAC_SHA1_80');
const CM_32 = suite('AES_CM_128_HMAC_SHA1_32');
const GCM = suite('AEAD_AES_256_GCM');
const LATCH = `a=latch:1 longenoughtag1 ${Buffer.alloc(32, 0x42).toString('base64url')} suites=AES-256`;

const sections = (sdp: string): readonly SdpMedia[] => {
  const parsed = parseSdp(sdp);
  assert.ok(parsed.ok);
  return parsed.value.media;
};
const cryptosOf = (sdp: string): readonly CryptoAttribute[] => sections(sdp)[0]?.cryptos ?? [];
const keyOf = (attribute: CryptoAttribute | undefined): string =>
  Buffer.from(attribute?.keys[0]?.keyAndSalt ?? []).toString('base64');

/** What an application writes: nothing of ours. */
const described = (address: string, protocol: string, lines: readonly string[] = [], port = 40_000): string =>
  ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0', '']
    .concat(`m=audio ${port} ${protocol} 0`, ...lines, '')
    .filter((line, at) => line !== '' || at > 6)
    .join('\r\n');
const ours = (protocol: string, lines: readonly string[] = []): string =>
  described('203.0.113.1', protocol, lines);
const theirs = (protocol: string, lines: readonly string[] = []): string =>
  described('198.51.100.80', protocol, lines, 5004);

class Exchange {
  readonly bench: EngineBench;
  readonly session: SdpSession;

  constructor(options: Partial<SdpSessionOptions> & { readonly policy?: Policy } = {}) {
    this.bench = new EngineBench();
    this.session = this.bench.engine.createSession({
      signalling: 'encrypted',
      srtp: 'terminate',
      ...options,
    });
  }

  answer(offer: string, answer: string): string {
    assert.deepEqual(this.session.setRemote(offer, this.bench.nowMs, 'offer'), { accepted: true });
    return this.session.setLocal(answer, this.bench.nowMs, 'answer');
  }

  refusal(offer: string): string {
    const verdict = this.session.setRemote(offer, this.bench.nowMs, 'offer');
    assert.ok(!verdict.accepted && verdict.status === 488);
    return verdict.warning;
  }

  offer(protocol = 'RTP/SAVP'): string {
    return this.session.setLocal(ours(protocol), this.bench.nowMs, 'offer');
  }

  take(answer: string) {
    return this.session.setRemote(answer, this.bench.nowMs, 'answer');
  }

  get downgrades(): readonly string[] {
    this.bench.drain();
    return this.bench.eventsOf('downgraded').map((event) => {
      assert.ok(event.type === 'downgraded');
      return `${event.to}: ${event.reason}`;
    });
  }
}

describe('rule 8.2: a=crypto as answerer', () => {
  for (const protocol of ['RTP/AVP', 'RTP/SAVP', 'RTP/SAVPF'])
    it(`baresip with ${protocol}: its line is taken, by its tag, with a key of our own`, () => {
      const exchange = new Exchange();
      const answer = exchange.answer(baresipOffer({ protocol }), ours(protocol));
      const [line, ...more] = cryptosOf(answer);
      assert.deepEqual([line?.tag, line?.suite, more], [1, CM_80.name, []]);
      assert.notEqual(keyOf(line), keyOf(cryptosOf(baresipOffer({ protocol }))[0]));
      assert.equal(answer.replace(/a=crypto:.*\r\n/, ''), ours(protocol), 'nothing else has changed');
      assert.equal(exchange.session.protection, 'srtp');
      assert.equal(sections(answer)[0]?.protocol, protocol);
    });

  it('linphonec: of several suites the best is taken, whatever their order', () => {
    const exchange = new Exchange();
    const [line] = cryptosOf(exchange.answer(LINPHONE, ours('RTP/SAVP')));
    assert.deepEqual([line?.tag, line?.suite], [3, 'AES_256_CM_HMAC_SHA1_80']);
    assert.equal(line?.keys[0]?.keyAndSalt.length, 46);
    assert.equal(exchange.session.protection, 'srtp');
  });

  it('every suite is taken where it is the only one', () => {
    for (const one of SRTP_SUITES) {
      const exchange = new Exchange();
      const [line] = cryptosOf(
        exchange.answer(theirs('RTP/SAVP', [cryptoLine(5, one, 7)]), ours('RTP/SAVP')),
      );
      assert.deepEqual([line?.tag, line?.suite], [5, one.name]);
    }
  });

  for (const [name, line] of [
    ['a suite that nobody knows', 'a=crypto:1 F8_128_HMAC_SHA1_80 inline:' + 'A'.repeat(40)],
    ['a key of the wrong size', cryptoLine(1, { ...CM_80, saltSizeBytes: 12 }, 7)],
    ['another rate of key derivation', cryptoLine(1, CM_80, 7, ' KDR=1')],
    ['packets in clear', cryptoLine(1, CM_80, 7, ' UNENCRYPTED_SRTP')],
    ['reports in clear', cryptoLine(1, CM_80, 7, ' UNENCRYPTED_SRTCP')],
    ['packets without a tag', cryptoLine(1, CM_80, 7, ' UNAUTHENTICATED_SRTP')],
    ['another order of error correction', cryptoLine(1, CM_80, 7, ' FEC_ORDER=SRTP_FEC')],
    ['a key for error correction', cryptoLine(1, CM_80, 7, ` FEC_KEY=inline:${'A'.repeat(40)}`)],
    ['an extension that must be understood', cryptoLine(1, CM_80, 7, ' X=1')],
    ['a window that is none', cryptoLine(1, CM_80, 7, ' WSH=many')],
    ['two keys with one number', `${cryptoLine(1, CM_80, 7, '|1:4')};inline:${'A'.repeat(40)}|1:4`],
    ['two keys with numbers of two sizes', `${cryptoLine(1, CM_80, 7, '|1:4')};inline:${'A'.repeat(40)}|2:2`],
    ['nothing that can be read', 'a=crypto:1'],
  ] as const)
    it(`${name}: the line is not taken, the next one is, and RTP/SAVP with it alone is refused`, () => {
      const exchange = new Exchange();
      const answer = exchange.answer(theirs('RTP/SAVP', [line, cryptoLine(2, CM_32, 9)]), ours('RTP/SAVP'));
      assert.deepEqual(
        cryptosOf(answer).map(({ tag }) => tag),
        [2],
      );
      const refused = new Exchange();
      assert.match(
        refused.refusal(theirs('RTP/SAVP', [line])),
        /^RTP\/SAVP has no a=crypto that we could take/,
      );
      assert.equal(refused.session.protection, 'pending');
      const plain = new Exchange();
      assert.equal(plain.answer(theirs('RTP/AVP', [line]), ours('RTP/AVP')), ours('RTP/AVP'));
      assert.equal(plain.session.protection, 'evidence');
    });

  it('a window, a lifetime, a number of the key, several keys, and what may be ignored are no hindrance', () => {
    for (const rest of [' WSH=64', '|2^20', '|2^20|1:4', `|1:4;inline:${'A'.repeat(40)}|2:4`, ' -X=1']) {
      const exchange = new Exchange();
      const answer = exchange.answer(theirs('RTP/SAVP', [cryptoLine(3, CM_80, 7, rest)]), ours('RTP/SAVP'));
      assert.equal(cryptosOf(answer)[0]?.tag, 3, rest);
      assert.equal(cryptosOf(answer)[0]?.keys[0]?.mki, undefined, 'our key needs no number');
      assert.equal(exchange.session.protection, 'srtp');
    }
  });

  it('RTP/SAVP and RTP/AVP for one stream: under every policy the application answers the one and leaves the other', () => {
    const two = `${theirs('RTP/SAVP', [cryptoLine(1, CM_80, 7)])}m=audio 5004 RTP/AVP 0\r\n`;
    const one = `${ours('RTP/SAVP')}m=audio 0 RTP/AVP 0\r\n`;
    for (const policy of ['require', 'prefer', 'legacy', 'blind'] as const) {
      const exchange = new Exchange({ policy });
      assert.equal(cryptosOf(exchange.answer(two, one)).length, 1);
      assert.equal(exchange.session.protection, 'srtp');
    }
    const careless = new Exchange({ policy: 'require' });
    assert.throws(() => careless.answer(two, `${ours('RTP/SAVP')}m=audio 40002 RTP/AVP 0\r\n`), {
      code: 'LATCHKEY_SDP',
    });
    assert.equal(careless.session.protection, 'pending');
  });

  it('the other way round: with no key that we can use, RTP/AVP is answered, and RTP/SAVP cannot be', () => {
    const two = `${theirs('RTP/SAVP', [cryptoLine(1, CM_80, 7, ' KDR=1')])}m=audio 5004 RTP/AVP 0\r\n`;
    const exchange = new Exchange();
    assert.throws(() => exchange.answer(two, `${ours('RTP/SAVP')}m=audio 0 RTP/AVP 0\r\n`), {
      code: 'LATCHKEY_SDP',
      message: /RTP\/SAVP has no a=crypto/,
    });
    const taken = ours('RTP/SAVP').replace('m=audio 40000', 'm=audio 0') + 'm=audio 40000 RTP/AVP 0\r\n';
    assert.equal(exchange.session.setLocal(taken, exchange.bench.nowMs, 'answer'), taken);
    assert.equal(exchange.session.protection, 'evidence');
  });

  it('over clear signalling no key is taken and none is told; over loopback both are', () => {
    const line = cryptoLine(1, CM_80, 7);
    const clear = new Exchange({ signalling: 'clear' });
    assert.match(clear.refusal(theirs('RTP/SAVP', [line])), /^RTP\/SAVP needs encrypted signalling/);
    assert.equal(clear.answer(theirs('RTP/AVP', [line]), ours('RTP/AVP')), ours('RTP/AVP'));
    assert.equal(clear.session.protection, 'evidence');
    const loopback = new Exchange({ signalling: 'loopback' });
    loopback.answer(theirs('RTP/SAVP', [line]), ours('RTP/SAVP'));
    assert.equal(loopback.session.protection, 'srtp');
  });

  it('keys of a handshake are another matter', () => {
    const exchange = new Exchange();
    const dtls = 'UDP/TLS/RTP/SAVPF';
    assert.equal(exchange.answer(theirs(dtls, [cryptoLine(1, CM_80, 7)]), ours(dtls)), ours(dtls));
    assert.equal(exchange.session.protection, 'evidence');
  });

  it('a repeated offer is answered with the same key, and a new key with a new one', () => {
    const exchange = new Exchange();
    const first = exchange.answer(LINPHONE, ours('RTP/SAVP'));
    assert.equal(exchange.answer(LINPHONE, ours('RTP/SAVP')), first);
    // The key in force is offered still, so the suite stays.
    const better = LINPHONE.replace('a=rtcp-fb:* trr', `${cryptoLine(9, GCM, 3)}\r\na=rtcp-fb:* trr`);
    assert.equal(exchange.answer(better, ours('RTP/SAVP')), first);
    const renewed = better.replace('inline:y24C', 'inline:z24C');
    const [line] = cryptosOf(exchange.answer(renewed, ours('RTP/SAVP')));
    assert.deepEqual([line?.tag, line?.suite], [9, GCM.name]);
    assert.deepEqual(exchange.downgrades, []);
    const back = exchange.answer(LINPHONE, ours('RTP/SAVP'));
    assert.notEqual(keyOf(cryptosOf(back)[0]), keyOf(cryptosOf(first)[0]), 'a key of ours is used once');
  });

  it('our own line in what the application hands back is no key of its own', () => {
    const exchange = new Exchange();
    const { session, bench } = exchange;
    const answer = exchange.answer(LINPHONE, ours('RTP/SAVP'));
    assert.equal(exchange.answer(LINPHONE, answer), answer);
    const renewed = exchange.answer(LINPHONE.replace('inline:y24C', 'inline:z24C'), answer);
    assert.notEqual(keyOf(cryptosOf(renewed)[0]), keyOf(cryptosOf(answer)[0]));
    assert.equal(cryptosOf(renewed).length, 1);
    const offer = session.setLocal(renewed, bench.nowMs, 'offer');
    assert.equal(cryptosOf(offer).length, SRTP_SUITES.length);
    session.rollback();
    // With one of its own beside it the section is the application's, as ever.
    const own = cryptoLine(3, suite('AES_256_CM_HMAC_SHA1_80'), 8);
    assert.equal(exchange.answer(LINPHONE, `${renewed}${own}\r\n`), ours('RTP/SAVP', [own]));
  });

  it('where the application has none of ours made, its answer says which key is in use, and stays as it is', () => {
    const line = cryptoLine(3, suite('AES_256_CM_HMAC_SHA1_80'), 8);
    for (const [options, own, protection] of [
      [{}, [line], 'srtp'],
      [{ srtp: 'terminate' }, [line], 'srtp'],
      [{}, [], 'evidence'],
      [{}, [cryptoLine(1, GCM, 8)], 'evidence'],
      [{}, [cryptoLine(9, CM_80, 8)], 'evidence'],
      [{}, [line, cryptoLine(1, CM_80, 8)], 'evidence'],
    ] as const) {
      const exchange = new Exchange({ srtp: undefined, ...options });
      assert.equal(exchange.answer(LINPHONE, ours('RTP/SAVP', own)), ours('RTP/SAVP', own));
      assert.equal(exchange.session.protection, protection, own.join());
    }
  });
});

describe('rule 8.2: a=crypto as offerer', () => {
  const lineOf = (offer: string, name: string): CryptoAttribute => {
    const line = cryptosOf(offer).find((one) => one.suite === name);
    assert.ok(line);
    return line;
  };

  it('every suite is offered, best first, each with a key of its own; a later offer repeats them', () => {
    const exchange = new Exchange();
    const offer = exchange.offer();
    assert.deepEqual(
      cryptosOf(offer).map((line) => line.suite),
      SRTP_SUITES.map(({ name }) => name),
    );
    assert.equal(new Set(cryptosOf(offer).map(keyOf)).size, SRTP_SUITES.length);
    exchange.session.rollback();
    assert.equal(exchange.offer(), offer);
  });

  it("a phone's answer names the line that it takes", () => {
    for (const protocol of ['RTP/AVP', 'RTP/SAVP', 'RTP/SAVPF']) {
      const exchange = new Exchange();
      const { tag } = lineOf(exchange.offer(protocol), CM_80.name);
      assert.deepEqual(exchange.take(theirs(protocol, [cryptoLine(tag, CM_80, 7)])), { accepted: true });
      assert.equal(exchange.session.protection, 'srtp');
    }
  });

  it('the suite says it where the tag does not: baresip writes 1 whatever it takes', () => {
    for (const wrong of [1, 90]) {
      const exchange = new Exchange();
      const { tag } = lineOf(exchange.offer(), CM_80.name);
      assert.notEqual(tag, wrong);
      assert.deepEqual(exchange.take(theirs('RTP/SAVP', [cryptoLine(wrong, CM_80, 7)])), { accepted: true });
      assert.equal(exchange.session.protection, 'srtp');
    }
  });

  it('an answer with no line, several, or another suite is no agreement: RTP/SAVP is refused, RTP/AVP is plain', () => {
    const { tag } = lineOf(new Exchange().offer(), CM_80.name);
    for (const lines of [
      [],
      [cryptoLine(tag, CM_80, 7), cryptoLine(tag + 1, CM_32, 7)],
      [cryptoLine(tag, CM_80, 7).replace(CM_80.name, 'F8_128_HMAC_SHA1_80')],
      [cryptoLine(tag, CM_80, 7, ' UNENCRYPTED_SRTP')],
    ]) {
      const secure = new Exchange();
      secure.offer();
      const verdict = secure.take(theirs('RTP/SAVP', lines));
      assert.ok(!verdict.accepted && verdict.status === 488, lines.join());
      assert.equal(secure.session.protection, 'pending');
      const plain = new Exchange();
      plain.offer('RTP/AVP');
      assert.ok(plain.take(theirs('RTP/AVP', lines)).accepted);
      assert.equal(plain.session.protection, 'evidence');
      const strict = new Exchange({ policy: 'require' });
      strict.offer('RTP/AVP');
      assert.equal(strict.take(theirs('RTP/AVP', lines)).accepted, false);
    }
  });

  it('no key goes over clear signalling, nor out of a session that makes none', () => {
    for (const options of [{ signalling: 'clear' }, { srtp: undefined }] as const)
      assert.deepEqual(cryptosOf(new Exchange(options).offer()), []);
    assert.equal(cryptosOf(new Exchange({ signalling: 'loopback' }).offer()).length, SRTP_SUITES.length);
  });

  it("the application's own lines stay byte for byte, and none of ours is beside them", () => {
    const exchange = new Exchange();
    const own = ours('RTP/SAVP', [cryptoLine(4, CM_80, 8), 'a=crypto:5 what ever']);
    const offer = exchange.session.setLocal(own, exchange.bench.nowMs);
    assert.equal(offer.replace(/a=(latch|ice|candidate|rtcp)[^\r]*\r\n/g, ''), own);
    assert.ok(exchange.take(theirs('RTP/SAVP', [cryptoLine(4, CM_80, 7)])).accepted);
    assert.equal(exchange.session.protection, 'srtp');
  });

  it('after an offer of the peer ours has the key in force, and its answer may keep its own', () => {
    const exchange = new Exchange();
    const line = cryptoLine(1, CM_80, 7);
    const answer = exchange.answer(theirs('RTP/SAVP', [line]), ours('RTP/SAVP'));
    const again = lineOf(exchange.offer(), CM_80.name);
    assert.equal(keyOf(again), keyOf(cryptosOf(answer)[0]));
    assert.ok(exchange.take(theirs('RTP/SAVP', [line.replace(':1 ', `:${again.tag} `)])).accepted);
    assert.equal(exchange.session.protection, 'srtp');
  });

  it('a key of ours that was in use and is left is never offered again: its numbers are used up', () => {
    const exchange = new Exchange();
    const offers = [exchange.offer()];
    const answerWith = (one: SrtpSuite, fill: number): void => {
      const { tag } = lineOf(offers.at(-1) ?? '', one.name);
      assert.ok(exchange.take(theirs('RTP/SAVP', [cryptoLine(tag, one, fill)])).accepted);
      offers.push(exchange.offer());
    };
    const offered = (at: number, one: SrtpSuite): string => keyOf(lineOf(offers[at] ?? '', one.name));
    answerWith(CM_80, 7);
    assert.equal(offered(1, CM_80), offered(0, CM_80), 'in use, so repeated');
    answerWith(GCM, 8);
    assert.equal(offered(2, GCM), offered(0, GCM));
    assert.notEqual(offered(2, CM_80), offered(0, CM_80));
    answerWith(CM_80, 9);
    assert.notEqual(offered(3, GCM), offered(0, GCM));
    assert.equal(offered(3, CM_80), offered(2, CM_80));
    // Nor where the media went on in clear meanwhile.
    exchange.session.rollback();
    exchange.answer(theirs('RTP/AVP'), ours('RTP/AVP'));
    offers.push(exchange.offer());
    assert.notEqual(offered(4, CM_80), offered(3, CM_80));
  });

  it('a 183 and its 200 with the same key change nothing; each fork has a key of its own', () => {
    const exchange = new Exchange();
    const { tag } = lineOf(exchange.offer(), CM_80.name);
    const fork = exchange.session.fork();
    const answer = (fill: number): string => theirs('RTP/SAVP', [cryptoLine(tag, CM_80, fill)]);
    assert.ok(exchange.take(answer(7)).accepted);
    assert.ok(exchange.take(answer(7)).accepted);
    assert.ok(fork.setRemote(answer(9), exchange.bench.nowMs, 'answer').accepted);
    assert.deepEqual([exchange.session.protection, fork.protection], ['srtp', 'srtp']);
    exchange.session.close(exchange.bench.nowMs);
    assert.equal(fork.protection, 'srtp', 'the other fork knows its keys still');
    const again = fork.setLocal(ours('RTP/SAVP'), exchange.bench.nowMs, 'offer');
    assert.equal(cryptosOf(again).length, SRTP_SUITES.length);
    assert.ok(cryptosOf(again).every((one) => !/^A+=*$/.test(keyOf(one))));
  });
});

describe('rule 8.2 beside latch and ICE, and policies', () => {
  const line = cryptoLine(1, CM_80, 7);

  it('the policy "require" takes SRTP, and nothing in its place', () => {
    const exchange = new Exchange({ policy: 'require' });
    exchange.answer(theirs('RTP/SAVP', [line]), ours('RTP/SAVP'));
    assert.equal(exchange.session.protection, 'srtp');
    const warning = exchange.refusal(theirs('RTP/AVP'));
    assert.match(warning, /latch is required and the peer offers neither it nor ICE or SRTP/);
    assert.deepEqual(exchange.downgrades, ['rejected: the peer no longer offers SRTP']);
    assert.equal(exchange.session.protection, 'srtp');
  });

  it('the policy "require" takes ICE over encrypted signalling or loopback, not over clear', () => {
    const ice = ['a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`];
    for (const signalling of ['encrypted', 'loopback'] as const) {
      const exchange = new Exchange({ policy: 'require', signalling });
      exchange.answer(theirs('RTP/AVP', ice), ours('RTP/AVP'));
      assert.equal(exchange.session.protection, 'ice');
    }
    const clear = new Exchange({ policy: 'require', signalling: 'clear' });
    assert.match(clear.refusal(theirs('RTP/AVP', ice)), /the signalling is not encrypted/);
    const out = new Exchange({ policy: 'require', signalling: 'clear' });
    out.offer('RTP/AVP');
    assert.equal(out.take(theirs('RTP/AVP', ice)).accepted, false);
  });

  it('a peer that loses SRTP is judged by the policy, and it is told (P10)', () => {
    for (const [policy, to] of [
      ['prefer', 'evidence'],
      ['legacy', 'evidence'],
      ['blind', 'legacy'],
    ] as const) {
      const exchange = new Exchange({ policy });
      exchange.answer(theirs('RTP/AVP', [line]), ours('RTP/AVP'));
      exchange.answer(theirs('RTP/AVP', [line]), ours('RTP/AVP'));
      assert.deepEqual(exchange.downgrades, []);
      exchange.answer(theirs('RTP/AVP'), ours('RTP/AVP'));
      assert.equal(exchange.session.protection, to);
      assert.deepEqual(exchange.downgrades, [`${to}: the peer no longer offers SRTP`]);
    }
  });

  it('every step down is told, no step up is (P10)', () => {
    const ice = ['a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`];
    const kinds = { latch: [LATCH], ice, srtp: [line], none: [] } as const;
    const names = { latch: 'latch', ice: 'ICE', srtp: 'SRTP' };
    const ranked = ['latch', 'ice', 'srtp', 'none'] as const;
    for (const [i, from] of ranked.entries())
      for (const [j, to] of ranked.entries()) {
        // The application's own keys: they are beside latch and ICE, or not, as it likes.
        const exchange = new Exchange({ srtp: undefined });
        for (const kind of [from, to])
          exchange.answer(theirs('RTP/AVP', kinds[kind]), ours('RTP/AVP', kind === 'srtp' ? [line] : []));
        const kind = to === 'none' ? 'evidence' : to;
        const expected =
          from === 'none' || j <= i ? [] : [`${kind}: the peer no longer offers ${names[from]}`];
        assert.deepEqual(exchange.downgrades, expected, `${from} to ${to}`);
      }
  });

  it('no key is in a verdict, an error, an event, or anything that can be printed of a session (P7)', () => {
    const secrets = new Map<string, Uint8Array>();
    for (const fill of [7, 9]) secrets.set(`key ${fill}`, new Uint8Array(30).fill(fill));
    const texts: string[] = [];
    const exchange = new Exchange({ policy: 'require' });
    const print = (): void => {
      texts.push(...printings(exchange.session), ...printings(exchange.bench.engine));
      texts.push(...printings(exchange.bench.events));
    };
    for (const bad of [' KDR=1', '|2^99', ' \u0001'])
      texts.push(
        ...printings(
          exchange.session.setRemote(theirs('RTP/SAVP', [cryptoLine(1, CM_80, 7, bad)]), 0, 'offer'),
        ),
      );
    const answer = exchange.answer(theirs('RTP/SAVP', [line]), ours('RTP/SAVP'));
    print();
    secrets.set('our key', Uint8Array.from(cryptosOf(answer)[0]?.keys[0]?.keyAndSalt ?? []));
    exchange.answer(theirs('RTP/SAVP', [cryptoLine(1, CM_80, 9)]), ours('RTP/SAVP'));
    for (const { suite: name, keys } of cryptosOf(exchange.offer())) {
      const [key] = keys;
      assert.ok(key);
      secrets.set(name, Uint8Array.from(key.keyAndSalt));
    }
    print();
    assert.equal(secrets.size, 3 + SRTP_SUITES.length);
    assert.equal(findLeak(texts, secrets), undefined);
  });
});
