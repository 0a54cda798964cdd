// What we have added to a description, in one that the application hands back to us with it. It is no key and no ICE of the application's own
// (protocol.md 8.1, 8.2), so it is taken out first; a section that has others beside ours is the application's. Latch's lines have
// names of their own, and need no such look.
import { parseCrypto } from '../../wire/crypto-attribute.js';
import { isAttribute, sdpLines, spliceLines } from '../../wire/sdp-lines.js';
import type { Crypto } from '../crypto.js';
import type { FewMap } from '../few-map.js';
import { HOST_CANDIDATE, ICE_SESSION_LINES } from '../proof/ice-generation.js';
import type { Halves } from './halves.js';
import type { RtcpTerms } from './rtcp-terms.js';

/** All else stays byte for byte. Linear in the text. @param halves What is told, by section. */
export function withoutOwnLines(text: string, halves: FewMap<number, Halves>, crypto: Crypto): string {
  if (!text.includes('a=crypto:') && !text.includes('a=ice-')) return text;
  const known = [...halves.values()];
  const ufrags = new Set(known.flatMap(({ ownIce }) => (ownIce ? [`a=ice-ufrag:${ownIce.ufrag}`] : [])));
  const sections = iceSections(text, ufrags);
  const isOnlyOurs = sections.size > 0 && [...sections.values()].every((isOurs) => isOurs);
  let section = -1;
  return spliceLines(text, new Map(), (all, line) => {
    const content = all.slice(line.start, line.end);
    if (content.startsWith('m=')) section++;
    if (isAttribute(all, line, 'crypto')) return isOwnKey(content.slice('a=crypto:'.length), known, crypto);
    if (section < 0) return isOnlyOurs && ICE_SESSION_LINES.includes(content);
    return sections.get(section) === true && isOwnIce(content, halves.get(section)?.rtcp);
  });
}

function isOwnKey(value: string, halves: readonly Halves[], crypto: Crypto): boolean {
  const parsed = parseCrypto(value);
  return parsed.ok && halves.some((one) => one.isOwnSrtp(crypto, parsed.value.keys));
}

/** Of each section that has ICE, whether it is ours alone; -1 is what stands before the first. */
function iceSections(text: string, own: ReadonlySet<string>): ReadonlyMap<number, boolean> {
  const sections = new Map<number, boolean>();
  let section = -1;
  for (const { start, end } of sdpLines(text)) {
    if (text.startsWith('m=', start)) section++;
    if (!text.startsWith('a=ice-ufrag:', start)) continue;
    sections.set(section, (sections.get(section) ?? true) && own.has(text.slice(start, end)));
  }
  return sections;
}

/** The line stands in a section whose ICE is ours. */
function isOwnIce(line: string, rtcp: RtcpTerms | undefined): boolean {
  if (/^a=ice-(?:ufrag|pwd):/.test(line) || HOST_CANDIDATE.test(line)) return true;
  if (line === 'a=rtcp-mux') return rtcp?.isMuxOurs === true;
  return rtcp?.isPortOurs === true && line === `a=rtcp:${rtcp.port}`;
}
