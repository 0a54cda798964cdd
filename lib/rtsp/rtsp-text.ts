/**
 * Writes RTSP responses and requests (RFC 2326 section 6 and 7). What stands in them was chosen here or passed the gate: a value with
 * a line break in it is a defect, and throws.
 */

export const RTSP_METHODS = [
  ...(['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'PAUSE', 'TEARDOWN', 'GET_PARAMETER'] as const),
  ...(['ANNOUNCE', 'RECORD'] as const),
] as const;
export type RtspMethod = (typeof RTSP_METHODS)[number];

const REASONS = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  406: 'Not Acceptable',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  451: 'Parameter Not Understood',
  453: 'Not Enough Bandwidth',
  454: 'Session Not Found',
  455: 'Method Not Valid in This State',
  461: 'Unsupported Transport',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'RTSP Version Not Supported',
  551: 'Option Not Supported',
} as const;
export type RtspStatus = keyof typeof REASONS;

export interface RtspReply {
  readonly status: RtspStatus;
  /** In their order; a name may come several times. */
  readonly headers?: readonly (readonly [string, string])[];
  /** Of this Content-Type. */
  readonly body?: { readonly type: string; readonly text: string } | undefined;
}

export function formatReply({ status, headers = [], body }: RtspReply, cseq: number | undefined): string {
  const fields = [...(cseq === undefined ? [] : [['CSeq', String(cseq)] as const]), ...headers];
  return formatMessage(`RTSP/1.0 ${status} ${REASONS[status]}`, fields, body);
}

export function formatMessage(
  start: string,
  fields: readonly (readonly [string, string])[],
  body?: RtspReply['body'],
): string {
  const lines = [start, ...fields.map(([name, value]) => `${name}: ${value}`)];
  if (body) {
    lines.push(`Content-Type: ${body.type}`);
    lines.push(`Content-Length: ${Buffer.byteLength(body.text, 'latin1')}`);
  }
  if (lines.some((line) => /[\r\n]/.test(line))) throw new Error('a header field would break its line');
  return `${lines.join('\r\n')}\r\n\r\n${body?.text ?? ''}`;
}

/** A Session header (RFC 2326 section 12.37): the id alone. */
export function sessionIdOf(value: string): string {
  const [id = ''] = value.split(';', 1);
  return id.trim();
}
