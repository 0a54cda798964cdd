/**
 * Requests of ours as values: the INVITE that makes a call, its CANCEL, and what is sent inside a dialog (RFC 3261 8.1.1, 9.1,
 * 12.2.1.1). Composes; it sends nothing and counts nothing.
 */
import { randomBytes } from 'node:crypto';
import type { CallUri } from './call-uri.js';
import { callId, cseqOf } from './message.js';
import type { SipAddress, SipFlow, SipHeaders, SipRequest, SipUri } from './message-types.js';
import { newTag } from './response.js';
import type { SipStack } from './stack-types.js';

const MAX_FORWARDS = 70;

/** What a request of ours adds to the headers that it must have. */
export interface Addition {
  readonly headers?: SipHeaders;
  /** A session description, unless `headers` say otherwise. */
  readonly content?: string;
}

/** As much of a dialog as a request inside it needs. */
export interface DialogPlace {
  readonly callId: string;
  readonly local: SipAddress;
  readonly remote: SipAddress;
  readonly target: string | SipUri;
  readonly routes: readonly SipAddress[];
}

export function createInDialog(
  place: DialogPlace,
  method: string,
  seq: number,
  { headers, content }: Addition = {},
): SipRequest {
  const { local, remote, target, routes } = place;
  return {
    method,
    uri: target,
    headers: {
      via: [],
      from: local,
      to: remote,
      'call-id': place.callId,
      cseq: { seq, method },
      'max-forwards': MAX_FORWARDS,
      ...(routes.length > 0 && { route: [...routes] }),
      ...(content !== undefined && { 'content-type': 'application/sdp' }),
      ...headers,
    },
    ...(content !== undefined && { content }),
  };
}

export interface InviteOptions {
  readonly uri: CallUri;
  /** Where requests of the peer's are to go. */
  readonly contact: string;
  /** The methods that we take. */
  readonly allow: string;
  /** Where the INVITE is to go first, if not to its URI. */
  readonly route: SipAddress | undefined;
}

/** The INVITE of a new call; its description is put into it when it is sent. */
export function createInvite({ uri, contact, allow, route }: InviteOptions): SipRequest {
  const user = uri.user === undefined ? '' : `${uri.user}@`;
  return {
    method: 'INVITE',
    uri: uri.text,
    headers: {
      to: { uri: `${uri.scheme}:${user}${uri.host}` },
      from: { uri: contact.replace(/(?::\d+)?;.*$/, ''), params: { tag: newTag() } },
      'call-id': randomBytes(12).toString('hex'),
      cseq: { seq: 1, method: 'INVITE' },
      contact: [{ uri: contact }],
      'max-forwards': MAX_FORWARDS,
      allow,
      accept: 'application/sdp',
      'content-type': 'application/sdp',
      ...(route && { route: [route] }),
    },
    content: '',
  };
}

/** The CANCEL of an INVITE that has been sent, by the same routes (RFC 3261 9.1); undefined where it has not, or not under a Via of ours. */
export function createCancel(invite: SipRequest, routes: readonly SipAddress[]): SipRequest | undefined {
  const { via, from, to } = invite.headers;
  if (!via?.[0] || !from || !to) return undefined;
  const headers: SipHeaders = {
    via: [via[0]],
    from,
    to,
    'call-id': callId(invite),
    cseq: { seq: cseqOf(invite).seq, method: 'CANCEL' },
    'max-forwards': MAX_FORWARDS,
    ...(routes.length > 0 && { route: [...routes] }),
  };
  return { method: 'CANCEL', uri: invite.uri, headers };
}

/** A Route that leads to a connection which is open: a Contact behind a NAT leads nowhere (RFC 5626 has the reasons). */
export function flowRoute(stack: SipStack, flow: SipFlow): SipAddress {
  const { schema, user, host } = stack.encodeFlowUri(flow);
  return { uri: { schema, user, host, params: { lr: null } }, params: {} };
}

export interface ContactOptions {
  readonly scheme: string;
  readonly user: string;
  /** Name or IP address, without brackets. */
  readonly host: string;
  /** In lower case, as the URI has it. */
  readonly transport: string;
  /** Which listens on that transport. */
  readonly stack: SipStack;
}

/** A URI at which we are reached. A WSS listener is `ws` in a URI (RFC 7118 section 5). */
export function contactUri({ scheme, user, host, transport, stack }: ContactOptions): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const port = stack.addresses.find(({ protocol }) => protocol.startsWith(transport.toUpperCase()))?.port;
  return `${scheme}:${user}@${bracketed}:${port ?? 5060};transport=${transport}`;
}
