// The rows of the comparison, and the scenes in which each is measured. Only names and numbers: nothing runs here.
import type { PhoneKind } from './phone-terms.js';
import type { RtpengineSetting } from './rtpengine.js';
import type { LabPlan } from '../lab/lab.js';

export interface LatchkeySetting {
  readonly server: 'latchkey';
  /** Of `latchkey serve`. */
  readonly options: readonly string[];
  readonly transport: 'tls' | 'tcp';
  /** `latchkey call`, or the phones that rtpengine gets. */
  readonly phone: 'latchkey' | PhoneKind;
}

export type Setting = { readonly name: string; readonly says: string } & (
  { readonly server: 'rtpengine'; readonly rtpengine: RtpengineSetting } | LatchkeySetting
);

/** What rtpengine is told about learning where its clients are. */
interface Learning {
  readonly name: string;
  readonly says: string;
  readonly options?: readonly string[];
  readonly flags?: readonly string[];
}

const DEFAULT: Learning = { name: 'default', says: 'no option, no flag' };
const STRICT: Learning = {
  name: 'strict-source',
  says: 'the flag `strict-source` in offer and answer',
  flags: ['strict-source'],
};
const HANDOVER: Learning = {
  name: 'media-handover',
  says: 'the flag `media-handover` in offer and answer',
  flags: ['media-handover'],
};
const HEURISTIC: Learning = {
  name: 'heuristic',
  says: '`--endpoint-learning=heuristic`, the flags `SIP-source-address` and `strict-source` in offer and answer',
  options: ['--endpoint-learning=heuristic'],
  flags: ['SIP-source-address', 'strict-source'],
};

/** Both phones plain, both with ICE, both with SRTP; or SRTP that ends at the server. */
const PHONES: Readonly<Record<'plain' | 'ice' | 'sdes' | 'ended', RtpengineRows>> = {
  plain: { title: 'rtpengine', says: '', caller: 'plain', callee: 'plain' },
  ice: {
    ...{ title: 'rtpengine, ICE', says: '`ICE: force` in offer and answer; ', caller: 'ice', callee: 'ice' },
  },
  sdes: {
    title: 'rtpengine, SDES',
    says: '`transport-protocol: RTP/SAVP` and `DTLS: off` in offer and answer; ',
    ...{ caller: 'sdes', callee: 'sdes' },
  },
  ended: {
    title: 'rtpengine, SDES to RTP',
    says: 'the same, but the callee is a plain phone, for which the offer has `transport-protocol: RTP/AVP`: the SRTP ends at rtpengine; ',
    ...{ caller: 'sdes', callee: 'plain' },
  },
};

interface RtpengineRows {
  readonly title: string;
  readonly says: string;
  readonly caller: PhoneKind;
  readonly callee: PhoneKind;
}

/** In the order in which they take turns. */
export const SETTINGS: readonly Setting[] = [
  ...[DEFAULT, STRICT, HANDOVER, HEURISTIC].map((learning) => rtpengineWith(learning, PHONES.plain)),
  {
    name: 'latchkey, blind latching',
    says: 'as a control: `latchkey serve --policy blind` and callers over plain TCP, which may not carry a secret',
    ...{ server: 'latchkey', options: ['--policy', 'blind'], transport: 'tcp', phone: 'latchkey' },
  },
  {
    name: 'latchkey',
    says: '`latchkey serve` and `latchkey call` without options, over TLS',
    ...{ server: 'latchkey', options: [], transport: 'tls', phone: 'latchkey' },
  },
  {
    name: 'latchkey, plain phones',
    says: '`latchkey serve` without options, the phones that rtpengine gets, over TLS: no key of any kind, and so evidence',
    ...{ server: 'latchkey', options: [], transport: 'tls', phone: 'plain' },
  },
  ...[DEFAULT, HANDOVER].map((learning) => rtpengineWith(learning, PHONES.ice)),
  {
    name: 'latchkey, ICE',
    says: '`latchkey serve` without options, the same phones, over TLS',
    ...{ server: 'latchkey', options: [], transport: 'tls', phone: 'ice' },
  },
  ...[DEFAULT, HANDOVER, HEURISTIC].map((learning) => rtpengineWith(learning, PHONES.sdes)),
  ...[DEFAULT, HANDOVER].map((learning) => rtpengineWith(learning, PHONES.ended)),
  {
    name: 'latchkey, SDES',
    says: '`latchkey serve --srtp accept`, the same phones, over TLS',
    ...{ server: 'latchkey', options: ['--srtp', 'accept'], transport: 'tls', phone: 'sdes' },
  },
];

function rtpengineWith({ name, says, options = [], flags = [] }: Learning, rows: RtpengineRows): Setting {
  const { title, says: saysFirst, caller, callee } = rows;
  return {
    name: `${title}, ${name}`,
    says: saysFirst + says,
    ...{ server: 'rtpengine', rtpengine: { options, flags, caller, callee } },
  };
}

/** The settings of ours that must hold what they promise, with the phones that each is for. */
export const OURS: readonly (readonly [PhoneKind, string])[] = [
  ['plain', 'latchkey'],
  ['plain', 'latchkey, plain phones'],
  ['ice', 'latchkey, ICE'],
  ['sdes', 'latchkey, SDES'],
];

/** What the caller of this setting has: only rows with the same can be compared. */
export function callerOf(name: string): PhoneKind | undefined {
  const setting = SETTINGS.find((one) => one.name === name);
  if (setting?.server === 'rtpengine') return setting.rtpengine.caller;
  return setting?.phone === 'latchkey' ? 'plain' : setting?.phone;
}

export interface Scene {
  readonly name: string;
  readonly plan: LabPlan;
  /** Where the attacker sits; no attack where there is none. */
  readonly attacker?: 'att' | 'cliA2';
}

/** What one table shows: the same calls behind one NAT, under attack and, where it makes a difference, without. */
export interface Group {
  readonly title: string;
  readonly says: string;
  readonly attacked: Scene;
  readonly quiet?: Scene;
}

export const GROUPS: readonly Group[] = [
  {
    title: 'Symmetric NAT',
    says: 'The NAT gives another port for each destination. The attacker has an address of its own.',
    ...natScenes('symmetric'),
  },
  {
    title: 'Port-preserving NAT',
    says: "The NAT keeps the caller's port until it rebinds. The attacker has an address of its own.",
    ...natScenes('port-preserving'),
  },
  {
    title: 'Attacker behind the same NAT',
    says: "A symmetric NAT, and the attacker is a neighbour behind it: the server sees the caller's own address, with another port.",
    attacked: {
      name: 'neighbour',
      plan: { natA: { type: 'symmetric' }, ipv6: true, neighbour: true },
      attacker: 'cliA2',
    },
  },
];

function natScenes(type: 'symmetric' | 'port-preserving'): { attacked: Scene; quiet: Scene } {
  const plan: LabPlan = { natA: { type }, ipv6: true };
  return {
    attacked: { name: `${type}, attacked`, plan, attacker: 'att' },
    quiet: { name: `${type}, no attack`, plan },
  };
}
