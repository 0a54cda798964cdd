// Options by the rules of the root entry: a misspelt one must not mean the default.
import { randomBytes } from 'node:crypto';
import { checkOptions, LatchkeyError, option } from '../../lib/index.js';
import type { OptionRules } from '../../lib/index.js';
import { isLoopback } from '../../lib/sip/index.js';
import type { VideoOptions, WatchListenOptions, WatchOptions } from './watch-types.js';

const TOKEN = /^[\w-]{16,128}$/;
const HOST = /^[\w.-]+$|^[\da-fA-F:]+$/;
const TOKEN_BYTES = 16;
const VIEWERS_MAX = 100;
const STREAMS_MAX = 8;

export interface CheckedOptions {
  readonly server: WatchOptions['server'];
  readonly listen: WatchListenOptions & { readonly address: string; readonly port: number };
  readonly token: string;
  readonly maxViewers: number;
  readonly video: (VideoOptions & { readonly maxStreams: number }) | undefined;
}

const LISTEN_RULES: OptionRules<WatchListenOptions> = {
  address: option.ipAddress,
  host: option.of('a host name or an IP address', (value) => typeof value === 'string' && HOST.test(value)),
  port: option.wholeNumber(0, 65535),
  cert: option.text,
  key: option.text,
  origins: option.of(
    'origins such as https://meeting.example',
    (value) => Array.isArray(value) && value.every(isOrigin),
  ),
};
const VIDEO_RULES: OptionRules<VideoOptions> = {
  open: option.required(option.callback('(room, id) => { url } | undefined')),
  ffmpeg: option.text,
  maxStreams: option.wholeNumber(1),
};
const RULES: OptionRules<WatchOptions> = {
  server: option.required(option.withMethods('what createDistributionServer makes', 'on', 'off', 'call')),
  listen: option.record(LISTEN_RULES),
  video: option.record(VIDEO_RULES),
  token: option.of('16 to 128 characters of base64url', (value) => TOKEN.test(String(value))),
  maxViewers: option.wholeNumber(1),
};

/** @throws LatchkeyError LATCHKEY_OPTION */
export function checkedOptions(given: WatchOptions): CheckedOptions {
  checkOptions('createWatch', given, RULES);
  const { server, maxViewers = VIEWERS_MAX, token = randomBytes(TOKEN_BYTES).toString('base64url') } = given;
  const { address = '127.0.0.1', port = 0, cert, key } = given.listen ?? {};
  if ((cert === undefined) !== (key === undefined))
    throw new LatchkeyError('LATCHKEY_OPTION', 'listen.cert and listen.key go together');
  // Whoever reads the token on its way sees the rooms.
  if (!isLoopback(address) && cert === undefined)
    throw new LatchkeyError(
      'LATCHKEY_OPTION',
      `listen.address ${address} is not loopback: it needs listen.cert and listen.key, or a proxy of yours in front of loopback`,
    );
  const video = given.video && { ...given.video, maxStreams: given.video.maxStreams ?? STREAMS_MAX };
  return { server, maxViewers, token, video, listen: { ...given.listen, address, port } };
}

/** As a browser writes it. */
function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value;
}
