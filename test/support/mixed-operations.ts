// What can happen to calls of every kind on one port: what honest peers do, what attackers do that know everything but keys.
// Each operation draws from the world's choices and from nothing else.
import { QUIET_MS, refusingBadCalls } from './mixed-calls.js';
import type { MixedCalls } from './mixed-calls.js';
import { CALL_KINDS } from './mixed-call.js';
import type { CallKind, MixedCall } from './mixed-call.js';
import { MixedViolation } from './mixed-rules.js';
import { makeRtp, makeSenderReport } from './media.js';
import * as oracle from './oracle.js';
import type { TransportAddress } from '../../lib/wire/address.js';

type MixedOperation = (world: MixedCalls) => void;

/** An address that somebody else holds, proven or claimed. */
function victimAddress(world: MixedCalls): TransportAddress | undefined {
  return world.honest()?.address;
}

/** Whose packets prove where they are, wherever that is. */
const MOVING = ['latch', 'mutual', 'ice', 'srtp'] as const;
/** To whom goes what they pay for, while nobody knows whether they receive. */
const MEASURED: readonly CallKind[] = ['evidence', 'blind', 'srtp'];

const BYSTANDER = '192.0.2.';
/** Loopback, link-local, private, multicast, broadcast, and where this very server listens. */
const FORBIDDEN = ['127.0.0.1', '169.254.3.4', '10.9.8.7', '224.0.1.1', '255.255.255.255', '203.0.113.1'];

/** Of an attacker's own: a call of this kind from an address of its own. */
function attackersCall(
  world: MixedCalls,
  kind: CallKind,
  signalled?: TransportAddress,
): MixedCall | undefined {
  const address = world.attacker();
  return world.call(kind, false, address, signalled ?? address);
}

function attackersCalls(world: MixedCalls, kinds: readonly CallKind[]): MixedCall[] {
  return world.open.filter(({ isHonest, kind }) => !isHonest && kinds.includes(kind));
}

function call(world: MixedCalls, kind: CallKind): void {
  const address = world.freshAddress();
  // Behind a NAT the SDP names a private address; where nothing proves it, the SDP must say where it is.
  const isNamed = kind === 'evidence' || kind === 'prover' || world.choices.chance(0.2);
  const called = world.call(kind, true, address, isNamed ? address : { address: '10.0.0.2', port: 5004 });
  if (called) world.greet(called);
}

function move(world: MixedCalls, moved: MixedCall): void {
  moved.address = world.freshAddress();
}

export const mixedOperations = {
  // Honest peers.
  pass: (world) => world.advance(1 + world.choices.integer(400)),
  wait: (world) => world.advance(world.choices.pick([4000, 6000, 12_000, 33_000])),
  'call by latch': (world) => call(world, world.choices.chance(0.3) ? 'mutual' : 'latch'),
  'call by ICE': (world) => call(world, 'ice'),
  'call without protection': (world) => call(world, world.choices.chance(0.7) ? 'evidence' : 'blind'),
  'call as prover': (world) => call(world, 'prover'),
  talk: (world) => {
    const one = world.honest();
    if (!one) return;
    for (let i = world.choices.integer(3); i >= 0; i--) {
      world.talk(one);
      world.speak(one);
      world.advance(20);
    }
  },
  'everybody talks': (world) => {
    for (const one of world.open) {
      if (one.isHonest) world.talk(one);
      world.speak(one);
    }
  },
  'speak at length': (world) => {
    const measured = world.open.filter(({ kind }) => MEASURED.includes(kind));
    if (measured.length === 0) return;
    const one = world.choices.pick(measured);
    if (one.isHonest) world.talk(one);
    for (let i = 0; i < 12; i++) world.speak(one);
  },
  report: (world) => {
    const one = world.honest();
    if (one) world.report(one);
  },
  greet: (world) => {
    const one = world.honest();
    if (one) world.greet(one);
    world.advance(world.choices.integer(120));
  },
  keepalive: (world) => {
    const one = world.honest();
    if (one) world.keepalive(one);
  },
  rebind: (world) => {
    const one = world.honest(MOVING);
    if (!one) return;
    move(world, one);
    if (world.choices.chance(0.5)) world.greet(one);
    else world.talk(one);
  },
  'rebind in quiet': quietRebind,
  'take a port that was left': (world) => {
    const [one, other] = [world.honest(MOVING), world.honest(MOVING)];
    if (!one || !other || one === other) return;
    const left = one.address;
    move(world, one);
    other.address = left;
    world.greet(other);
    world.greet(one);
  },
  'talk from where one was': (world) => {
    const one = world.honest(MOVING);
    if (!one || one.former.length === 0) return;
    const former = world.choices.pick(one.former);
    for (let i = 0; i < 2; i++) {
      const sequence = one.sequence++;
      const made = one.srtp?.rtp(one.ssrc, sequence, new Uint8Array(160));
      world.receive(made?.wire ?? makeRtp({ ssrc: one.ssrc, sequence, timestamp: 0 }), former);
    }
  },
  renew: (world) => {
    const one = world.honest();
    if (one) world.negotiate(one);
  },
  downgrade: (world) => {
    const one = world.honest(['latch', 'ice', 'srtp']);
    if (one && world.choices.chance(0.3)) world.downgrade(one);
  },
  'hang up': (world) => {
    if (world.open.length > 3 && world.choices.chance(0.6)) world.hangUp(world.choices.pick(world.open));
  },
  'ask our prover': (world) => {
    const one = world.honest(['prover']);
    if (one) world.challengeOurs(one);
  },
  'misuse a session': (world) => {
    if (world.calls.length === 0) return;
    const misused = world.choices.pick(world.calls.slice(-MISUSED));
    const { session } = misused;
    const misuses: readonly (() => void)[] = [
      () => session.rollback(),
      () => void session.setRemote('no SDP', world.nowMs, 'offer'),
      () => void session.setLocal('no SDP', world.nowMs, 'offer'),
      () => {
        // An answer may come again. One that has no section any more leaves nothing of the call: there its peer has gone.
        const isEmpty = session.setRemote('v=0\r\n', world.nowMs, 'answer').accepted;
        if (isEmpty && misused.isOpen) world.hangUp(misused);
      },
    ];
    refusingBadCalls(world.choices.pick(misuses));
    refusingBadCalls(() => session.rollback());
    world.drain();
  },

  // Attackers: from addresses of their own.
  spray: (world) => {
    for (let i = 0; i < 4; i++) {
      const payload = new Uint8Array(world.choices.pick([0, 4, 160]));
      world.receive(
        makeRtp({ ssrc: world.prng.uint32(), sequence: i, timestamp: 0, payload }),
        world.attacker(),
      );
    }
  },
  follow: (world) => {
    const one = world.honest();
    if (!one) return;
    const source = world.attacker();
    for (let i = 0; i < 3; i++) {
      const payload = new Uint8Array(world.choices.pick([0, 160]));
      world.receive(makeRtp({ ssrc: one.ssrc, sequence: one.sequence + i, timestamp: 0, payload }), source);
    }
  },
  'false report': (world) => {
    const one = world.honest();
    if (one) world.receive(makeSenderReport(one.ssrc, world.nowMs, 3), world.attacker());
  },
  replay: (world) => {
    const source = world.attacker();
    for (let i = world.choices.integer(6); i >= 0 && world.recorded.length > 0; i--)
      world.receive(
        world.choices.pick(world.recorded),
        world.choices.chance(0.5) ? source : world.attacker(),
      );
  },
  race: (world) => void (world.racesLeft = 1 + world.choices.integer(4)),
  guess: (world) => {
    const one = world.honest(['latch', 'mutual', 'prover']);
    if (!one?.generation) return;
    const wrong = { ...one.generation, integrity: Buffer.alloc(32, 9), proof: Buffer.alloc(32, 9) };
    const transaction = oracle.makeTransaction(0xff000000 + world.choices.integer(1000), world.prng.bytes(8));
    const word = world.prng.bytes(16);
    world.receive(oracle.makeHello(wrong, 1, transaction), world.attacker());
    world.receive(oracle.makeResponse(wrong, 1, { transaction, word }, world.attacker()), world.attacker());
    world.receive(oracle.makeChallenge(wrong, transaction, word), world.attacker());
  },
  'guess for ICE': (world) => {
    const one = world.honest(['ice']);
    if (!one?.phone) return;
    const transaction = Buffer.from(world.prng.bytes(12));
    world.receive(one.phone.check({ transaction, password: 'guessedPasswordOfLength24' }), world.attacker());
  },
  junk: (world) => {
    world.receive(world.prng.bytes(world.choices.integer(200)), world.attacker());
    const stun = Buffer.from(world.prng.bytes(20 + 4 * world.choices.integer(20)));
    stun.writeUInt16BE(0x0001, 0);
    stun.writeUInt16BE(stun.length - 20, 2);
    stun.writeUInt32BE(0x2112a442, 4);
    world.receive(stun, world.attacker());
  },
  flood: (world) => {
    const one = world.honest();
    for (let i = 0; i < 30; i++) {
      const source = { address: `198.18.67.${i}`, port: 2000 + world.choices.integer(50) };
      world.receive(makeRtp({ ssrc: one?.ssrc ?? i, sequence: i, timestamp: 0 }), source);
    }
  },

  // Attackers: with calls of their own.
  'claim without protection': (world) => void attackersCall(world, 'evidence', victimAddress(world)),
  'claim blindly': (world) => void attackersCall(world, 'blind', victimAddress(world)),
  'claim as our verifier': (world) => void attackersCall(world, 'prover', victimAddress(world)),
  'claim by latch': (world) => {
    const kind = world.choices.pick(['latch', 'mutual', 'ice', 'srtp'] as const);
    const claimed = attackersCall(world, kind, victimAddress(world));
    if (claimed) world.greet(claimed);
  },
  'claim again': (world) => {
    const claims = attackersCalls(world, CALL_KINDS);
    if (claims.length === 0) return;
    const claim = world.choices.pick(claims);
    const target = world.choices.chance(0.7) ? victimAddress(world) : claim.address;
    world.negotiate(claim, target);
  },
  'claim a bystander': (world) => {
    const signalled = {
      address: BYSTANDER + world.choices.integer(40),
      port: 7000 + world.choices.integer(4),
    };
    const kind = world.choices.pick(['latch', 'mutual', 'ice', 'evidence'] as const);
    const claim = attackersCall(world, kind, signalled);
    // A new generation may ask again: the bounds for each minute hold all the same.
    if (claim?.isOpen && world.choices.chance(0.3)) for (let i = 0; i < 12; i++) world.negotiate(claim);
  },
  'claim what nobody may': (world) => {
    const address = world.choices.pick(FORBIDDEN);
    const signalled = { address, port: address === '203.0.113.1' ? 40_000 : 7000 };
    attackersCall(world, world.choices.pick(['latch', 'mutual', 'ice', 'evidence'] as const), signalled);
  },
  'prove their own': (world) => {
    const own = attackersCalls(world, MOVING);
    const one = own.length > 0 ? world.choices.pick(own) : attackersCall(world, 'latch');
    if (!one) return;
    world.greet(one);
    world.advance(60);
  },
  poison: (world) => {
    const own = attackersCalls(world, ['latch', 'mutual', 'ice', 'evidence', 'srtp']);
    const victim = world.honest();
    if (own.length === 0 || !victim) return;
    const one = world.choices.pick(own);
    for (let i = 0; i < 2; i++) world.talk(one, victim.ssrc);
  },
  'flood with calls': (world) => {
    for (let i = 0; i < 3; i++) attackersCall(world, world.choices.pick(CALL_KINDS), victimAddress(world));
    for (const own of attackersCalls(world, CALL_KINDS).slice(0, 3)) world.hangUp(own);
  },
  'hello from elsewhere': (world) => {
    const own = attackersCalls(world, MOVING);
    // With keys of their own they may say hello from anywhere they are.
    if (own.length > 0) world.greet(world.choices.pick(own), world.attacker());
  },

  // Without a key.
  'talk without a key': (world) => {
    const one = world.honest(['evidence']);
    if (!one) return;
    for (let i = 3 + world.choices.integer(8); i >= 0; i--) {
      world.talk(one);
      world.speak(one);
      world.advance(20);
    }
  },
  'talk from where they like': (world) => {
    const own = attackersCalls(world, ['evidence']);
    if (own.length === 0) return;
    const one = world.choices.pick(own);
    const source = world.choices.chance(0.5) ? one.address : world.attacker();
    for (let i = 3 + world.choices.integer(8); i >= 0; i--) {
      world.receive(makeRtp({ ssrc: one.ssrc, sequence: one.sequence++, timestamp: 0 }), source);
      world.speak(one);
      world.advance(20);
    }
  },
  'go on with a stream': (world) => {
    const one = world.honest(['evidence']);
    if (!one) return;
    const source = world.attacker();
    for (let i = world.choices.integer(8); i >= 0; i--) {
      world.receive(makeRtp({ ssrc: one.ssrc, sequence: one.sequence++, timestamp: 0 }), source);
      world.speak(one);
      world.advance(20);
      if (world.choices.chance(0.5)) world.talk(one);
    }
  },

  // With SRTP.
  'call by SRTP': (world) => call(world, 'srtp'),
  'talk by SRTP': (world) => {
    const one = world.honest(['srtp']);
    if (!one) return;
    for (let i = 2 + world.choices.integer(6); i >= 0; i--) {
      world.talk(one);
      world.speak(one);
      world.advance(20);
    }
  },
  'report by SRTP': (world) => {
    const one = world.honest(['srtp']);
    if (!one) return;
    world.speakReport(one);
    // What is heard where it was, it may tell from where it is.
    if (world.choices.chance(0.2)) move(world, one);
    world.advance(world.choices.integer(40));
    world.report(one);
  },
  'move by SRTP': (world) => {
    const one = world.honest(['srtp']);
    if (!one) return;
    move(world, one);
    for (let i = world.choices.integer(8); i >= 0; i--) {
      world.talk(one);
      world.advance(20);
    }
  },
  'copy SRTP': (world) => {
    const packet = world.lastProtected();
    if (!packet) return;
    for (const source of [world.attacker(), packet.call.address])
      for (let i = world.choices.integer(3); i >= 0; i--) world.receive(packet.wire, source);
  },
  'copy SRTP ahead': (world) => {
    const one = world.honest(['srtp']);
    if (!one?.srtp) return;
    const source = world.attacker();
    for (let i = world.choices.integer(6); i >= 0; i--) {
      const made = one.srtp.rtp(one.ssrc, one.sequence++, new Uint8Array(160));
      world.receive(made.wire, source);
      world.advance(2);
      // He may be on the way too, now and then.
      if (world.choices.chance(0.8)) world.sayProtected(one, made);
      world.advance(18);
    }
  },
  'forge SRTP': (world) => {
    const packet = world.lastProtected();
    if (!packet) return;
    const forged = Uint8Array.from(packet.wire);
    const at = world.choices.integer(forged.length);
    const how = world.choices.integer(3);
    // A bit of it, the next numbers under the same tag, or in clear.
    if (how === 0) forged[at] = (forged[at] ?? 0) ^ (1 << world.choices.integer(8));
    else if (how === 1) forged[3] = ((forged[3] ?? 0) + 1 + world.choices.integer(60)) & 0xff;
    const { call: one } = packet;
    const clear = makeRtp({ ssrc: one.ssrc, sequence: one.sequence + 1, timestamp: 0 });
    world.receive(how === 2 ? clear : forged, world.choices.chance(0.5) ? one.address : world.attacker());
  },
} satisfies Record<string, MixedOperation>;

const MISUSED = 12;

export type MixedOperationName = keyof typeof mixedOperations;
export const MIXED_OPERATION_NAMES = Object.keys(mixedOperations) as MixedOperationName[];

/**
 * A rebinding that shows by media alone, when nobody else has sent for a while: the owner of the SSRC is challenged there at once,
 * whoever else has spoken under it (protocol.md 5.1).
 */
function quietRebind(world: MixedCalls): void {
  const one = world.honest(['latch', 'ice']);
  if (!one || world.holderOf(one.addressKey) !== one) return;
  world.talk(one);
  world.racesLeft = 0;
  world.advance(QUIET_MS);
  if (!one.isOpen || world.holderOf(one.addressKey) !== one) return;
  world.talk(one);
  if (world.ssrcOwner(one.ssrc) !== one || world.nowMs - world.strayMs < QUIET_MS) return;
  move(world, one);
  world.talk(one);
  if (!world.wasChallenged(one, one.addressKey))
    throw new MixedViolation(`5.1: media of ${world.name(one)} from a new address makes no candidate for it`);
}
