// What another version of rtpengine did under this comparison's script, measured once where it could be built, and cited with its date:
// it is not measured again when docs/comparison.md is written.
export const CITED = `## rtpengine 26.3, measured on 2026-11-28

Built from its source of August 2026, userspace forwarding, plain phones, the same script, 5 calls a row. Medians; the worst of the 5 in brackets.

|  | symmetric NAT: stolen / injected | symmetric NAT, no attack: to the caller | port-preserving NAT: stolen / injected | attacker behind the same NAT: stolen / injected |
|---|---|---|---|---|
| rtpengine, default (heuristic since 13.5) | 308 (407) / 911 | to the end | 1 / 911 | 125 (242) / 911 |
| rtpengine, strict-source | 342 (425) / 911 | to the end, and from the caller too | 0 (1) / 11 | 216 (233) / 515 |
| rtpengine, media-handover | 118 (317) / 911 | 15 ms | 90 (106) / 911 | 295 (440) / 911 |
| rtpengine, heuristic | 0 (1) / 11 | to the end, and from the caller too | 0 (1) / 11 | 154 (166) / 515 |
| latchkey, same run | 0 / 0 | 47 ms (58 ms) | 0 / 0 | 0 / 0 |

Its newer default is better than that of 10.5 where the NAT keeps ports, and no better where it does not. With phones that have ICE or SRTP it was not
measured. \`RTPENGINE=PATH npm run compare\` measures any build, prints this page instead of writing it, and says the version.`;
