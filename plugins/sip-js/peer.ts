/**
 * What sip.js knows of the peer, for the latch session of the call (protocol.md 8): the other end of the WebSocket that its
 * descriptions come by, and when the dialog is confirmed. It changes no message.
 */
import { isIP } from 'node:net';
import type { Session as SipSession } from 'sip.js';
import type { PeerSource } from '../../lib/index.js';

/** As far as a transport of any make may have them. */
interface MaybeWebSocket {
  readonly server?: unknown;
  readonly ws?: { readonly _socket?: { readonly remoteAddress?: unknown } };
}

/** Where a description comes from; undefined where the transport is no WebSocket, or it cannot be said. */
export function peerOf(transport: object): PeerSource | undefined {
  const { server, ws } = transport as MaybeWebSocket;
  const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'wss:' && url?.protocol !== 'ws:') return undefined;
  // What a name has been resolved to, only the socket knows.
  const known = [ws?._socket?.remoteAddress, url.hostname.replace(/^\[|\]$/g, '')];
  const address = known.find((one): one is string => typeof one === 'string' && isIP(one) !== 0);
  return address === undefined ? undefined : { address, transport: url.protocol === 'wss:' ? 'wss' : 'ws' };
}

interface AckListener {
  onAckRequest?: (...args: unknown[]) => unknown;
}

/** Calls back when the 2xx to our INVITE has come, or the ACK to our 2xx. */
export function onConfirmed(session: SipSession, tell: () => void): void {
  // Only who is called can accept.
  if (!('accept' in session)) {
    session.stateChange.addListener((state) => {
      if ((state as string) === 'Established') tell();
    });
    return;
  }
  // To who is called, sip.js says Established when its 2xx goes out; the ACK it tells to nobody but itself.
  const own = session as unknown as AckListener;
  const onAckRequest = own.onAckRequest?.bind(session);
  if (!onAckRequest) return;
  own.onAckRequest = (...args) => {
    tell();
    return onAckRequest(...args);
  };
}
