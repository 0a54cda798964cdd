// The `sip` package has no types; latchkey's plugin brings those of the part that a server touches.
declare module 'sip' {
  import type { SipFlow, SipPackage, SipRequest } from 'latchkey/sip';
  export type { SipFlow, SipRequest };
  const sip: SipPackage;
  export default sip;
}
