// The Warning header of SIP (RFC 3261 20.43): why something was refused, as a code and a text. It writes one, and reads none.

const TOKEN_CHARS = /^[^\s",;]+$/;

/**
 * The value of a Warning header, ready to be sent: `399 host "text"`.
 *
 * @param agent Who warns: a host name or a pseudonym. What is neither becomes `latchkey`.
 * @param text Free text; what would break the quoted string is escaped, line breaks become spaces.
 * @param code 300 to 399; 399 leaves all to the text.
 */
export function formatWarning(agent: string, text: string, code = 399): string {
  const name = TOKEN_CHARS.test(agent) ? agent : 'latchkey';
  const quoted = text.replace(/[\r\n\t]+/g, ' ').replace(/["\\]/g, '\\$&');
  return `${code} ${name} "${quoted}"`;
}
