/*
 * When two participants mean the same by a format: the codec's name, and of its a=fmtp what changes the bits on the
 * wire. What only says how much somebody likes to receive (levels, rates, FEC) makes no difference here.
 */
import type { Format } from './formats.js';

/** Equal for formats whose packets one can take from the other. */
export function identityOf({ codec, fmtp = '' }: Format): string {
  const parameters = parametersOf(fmtp);
  switch (codec) {
    case 'H264/90000': {
      const profile = h264Profile(parameters.get('profile-level-id') ?? '42000a');
      return h264(profile, parameters.get('packetization-mode') ?? '0');
    }
    case 'VP9/90000':
      return `${codec} ${parameters.get('profile-id') ?? '0'}`;
    case 'AV1/90000':
      return `${codec} ${parameters.get('profile') ?? '0'}`;
    default:
      return codec.startsWith('mpeg4-generic/') ? `${codec} ${parameters.get('config') ?? ''}` : codec;
  }
}

/**
 * What else a participant can decode that takes this format: single NAL units with packetization-mode 1 (RFC 6184
 * section 5.4), and constrained baseline with any profile that contains it (RFC 6184 table 5).
 */
export function alsoTaken(format: Format): readonly string[] {
  const [, profile, mode] = /^H264\/90000 (\w+) ([01])$/.exec(identityOf(format)) ?? [];
  if (profile === undefined || mode === undefined) return [];
  const profiles = ['B', 'M', 'H'].includes(profile) ? [profile, 'CB'] : [profile];
  const modes = mode === '1' ? ['1', '0'] : ['0'];
  return profiles.flatMap((one) => modes.map((other) => h264(one, other))).slice(1);
}

function h264(profile: string, mode: string): string {
  return `H264/90000 ${profile} ${mode}`;
}

/** profile_idc and the constraint flags, by RFC 6184 table 5; the level is each receiver's own. */
function h264Profile(profileLevelId: string): string {
  const [, idc = '', flags = ''] = /^([\da-f]{2})([\da-f]{2})[\da-f]{2}$/i.exec(profileLevelId) ?? [];
  const constraints = parseInt(flags, 16);
  const [isSet0, isSet1] = [(constraints & 0x80) !== 0, (constraints & 0x40) !== 0];
  switch (idc.toLowerCase()) {
    case '42':
      return isSet1 ? 'CB' : 'B';
    case '4d':
      return isSet0 ? 'CB' : 'M';
    case '58':
      return isSet0 ? (isSet1 ? 'CB' : 'B') : 'E';
    case '64':
      return constraints === 0 ? 'H' : `64${flags}`;
    default:
      return `${idc}${flags}`.toLowerCase();
  }
}

function parametersOf(fmtp: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const part of fmtp.split(';')) {
    const [name = '', value = ''] = part.split('=', 2);
    parameters.set(name.trim().toLowerCase(), value.trim());
  }
  return parameters;
}
