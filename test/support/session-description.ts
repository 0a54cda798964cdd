// Session descriptions as phones and servers write them, without a line of ours.
import { isIPv6 } from 'node:net';

export interface MediaDescription {
  readonly kind?: 'audio' | 'video';
  readonly port: number;
  readonly rtcpPort?: number;
  readonly isMuxed?: boolean;
  readonly direction?: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
  readonly address?: string;
  readonly lines?: readonly string[];
}

export interface Description {
  readonly address: string;
  readonly version?: number;
  readonly media: readonly MediaDescription[];
  readonly lines?: readonly string[];
}

const family = (address: string): string => (isIPv6(address) ? 'IP6' : 'IP4');

export function makeSdp(description: Description): string {
  const { address, version = 1, media, lines = [] } = description;
  const text = [
    'v=0',
    `o=- 20518 ${version} IN ${family(address)} ${address}`,
    's=-',
    `c=IN ${family(address)} ${address}`,
    't=0 0',
    ...lines,
  ];
  for (const section of media) {
    const isVideo = section.kind === 'video';
    text.push(`m=${section.kind ?? 'audio'} ${section.port} RTP/AVP ${isVideo ? '96' : '0 8'}`);
    if (section.address !== undefined) text.push(`c=IN ${family(section.address)} ${section.address}`);
    text.push(...(isVideo ? ['a=rtpmap:96 VP8/90000'] : ['a=rtpmap:0 PCMU/8000', 'a=rtpmap:8 PCMA/8000']));
    if (section.rtcpPort !== undefined) text.push(`a=rtcp:${section.rtcpPort}`);
    if (section.isMuxed === true) text.push('a=rtcp-mux');
    text.push(`a=${section.direction ?? 'sendrecv'}`, ...(section.lines ?? []));
  }
  return text.map((line) => `${line}\r\n`).join('');
}
