// All targets in the order in which they run; each is a file of targets/. With what of lib each is about: the rest of its
// bundle is not counted.
export const TARGETS: Readonly<Record<string, RegExp>> = {
  wire: /^lib\/wire\/(?!sdp|base64|ip-range|latch-attribute)/,
  words: /^lib\/wire\/(address|base64url|ip-range|latch-attribute)\.ts/,
  sdp: /^lib\/wire\//,
  'room-sdp': /^lib\/(room|wire\/sdp)/,
  gate: /^(lib\/sip\/(gate|field-values|message-framer)|plugins\/sip\/package-text)\.ts/,
  rtsp: /^lib\/rtsp\//,
  body: /^lib\/sip\/body\.ts/,
  rtcp: /^lib\/(room|wire\/rt)/,
  capture: /^lib\/(capture|wire)\//,
  traffic: /^lib\/(capture|wire)\//,
  core: /^lib\/(core|wire)\//,
};
