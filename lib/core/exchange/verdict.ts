/** What to answer a peer: as SIP has it, a status, and the code and the text of a Warning (RFC 3261 section 20.43). */
export type Verdict =
  | { readonly accepted: true }
  | {
      readonly accepted: false;
      readonly status: 400 | 488;
      readonly warning: string;
      /** 300: another family of IP addresses than ours; 301: a name in place of an address; 399: the text says it. */
      readonly warnCode: 300 | 301 | 399;
    };
