// What to answer a peer: as SIP has it, a status, and why in a Warning (RFC 3261 section 20.43).
import { formatWarning } from '../../wire/index.js';

/** 300: another family of IP addresses than ours; 301: a name in place of an address; 330: multicast; 399: the text says it. */
export type WarnCode = 300 | 301 | 330 | 399;

/** A description that is not taken: nothing has changed. */
export interface RefusedVerdict {
  readonly accepted: false;
  /** Of SIP. */
  readonly status: 400 | 488;
  /** Why, for people. */
  readonly warning: string;
  readonly warnCode: WarnCode;
  /** All of it as the value of a Warning header, ready to be sent: `399 latchkey "..."`. */
  readonly warningHeader: string;
}

export type Verdict = { readonly accepted: true } | RefusedVerdict;

/** Who warns: RFC 3261 20.43 allows a pseudonym, and the core knows no host name. */
const AGENT = 'latchkey';

export function refusedVerdict(status: 400 | 488, warning: string, warnCode: WarnCode = 399): RefusedVerdict {
  return {
    accepted: false,
    status,
    warning,
    warnCode,
    warningHeader: formatWarning(AGENT, warning, warnCode),
  };
}
