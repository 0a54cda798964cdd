/** What to answer a peer: as SIP has it, a status and the text of a Warning. */
export type Verdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly status: 400 | 488; readonly warning: string };
