/**
 * The URLs of a room: `rtsp://host/ROOM`, `rtsp://host/ROOM/PARTICIPANT`, and of one stream in a description that was given,
 * `…/stream=ID`. The host is not looked at: who has reached us means us. It looks nothing up.
 */

export interface RoomUrl {
  readonly room: string;
  readonly participant: string | undefined;
  /** The stream of a description: what its `a=control` names. */
  readonly stream: string | undefined;
}

const STREAM = 'stream=';
/** As long as names in a users' file and longer than any identity of a session. */
const NAME_MAX = 256;

/** Undefined for what is no URL of a room. */
export function parseRoomUrl(uri: string): RoomUrl | undefined {
  const [, path] = /^rtspu?s?:\/\/[^/]{1,512}\/(.+)$/i.exec(uri) ?? [];
  if (path === undefined) return undefined;
  const [before = ''] = path.split('?', 1);
  const parts = before.split('/', 5).filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  const stream = last.startsWith(STREAM) ? parts.pop()?.slice(STREAM.length) : undefined;
  if (parts.length === 0 || parts.length > 2) return undefined;
  const [room, participant] = parts.map(decode);
  if (room === undefined || (parts.length === 2 && participant === undefined)) return undefined;
  return { room, participant, stream };
}

/** What an `a=control` says of a stream, relative to the Content-Base. */
export function streamControl(id: string): string {
  return `${STREAM}${id}`;
}

/** The name in a path; undefined where it is none or could end a line. */
function decode(part: string): string | undefined {
  try {
    const name = decodeURIComponent(part);
    // eslint-disable-next-line no-control-regex -- that is what is looked for
    return name.length > NAME_MAX || /[\u0000-\u001f\u007f/]/.test(name) ? undefined : name;
  } catch {
    return undefined;
  }
}
