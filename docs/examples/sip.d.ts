// The `sip` package has no types; the plugin brings those of the part that it touches.
declare module 'sip' {
  import type { SipPackage } from 'latchkey/sip';
  const sip: SipPackage;
  export default sip;
}
