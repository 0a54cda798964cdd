/**
 * Between the UDP socket and the package's listener on it: messages pass the gate, and what comes and goes is accounted for by address
 * (protocol.md P11), since a datagram's source may be forged. Nothing leaves the socket but through here.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import { examineMessage } from '../../lib/sip/index.js';
import type { BoundCounters, DatagramLedger } from '../../lib/sip/index.js';
import { pass, refuse } from './guard-stream.js';
import type { GuardSite, Listener } from './guard-stream.js';

export interface DatagramGuardSite extends GuardSite {
  readonly ledger: DatagramLedger;
  readonly bounds: BoundCounters;
  /** A request as the package would read it; true where it is not for the package. */
  takeRequest(text: string, info: RemoteInfo): boolean;
  /** Whether what is about to be written is a request that this process makes of its own accord. Asked once for each. */
  takeOwnAccord(): boolean;
}

/** Sends so many bytes to one address, if it may have them. */
export type SendDatagram = (bytes: Buffer, to: { readonly address: string; readonly port: number }) => void;

/** `onMessage` is the package's listener. */
export function guardDatagrams(socket: Socket, onMessage: Listener, site: DatagramGuardSite): SendDatagram {
  const { ledger, bounds } = site;
  const send = socket.send.bind(socket);
  const sendDatagram: SendDatagram = (bytes, { address, port }) => {
    try {
      if (!site.takeOwnAccord() && !ledger.take({ address, port }, bytes.length))
        return bounds.count('amplification');
      send(bytes, port, address);
    } catch (error) {
      site.onFault('UDP', error);
    }
  };
  socket.on('message', (bytes, info) => {
    try {
      ledger.noteReceived(info, bytes.length);
      const verdict = examineMessage(bytes.toString('latin1'), site.limits);
      if (!verdict) return;
      const flow = { protocol: 'UDP', address: info.address, port: info.port };
      const isRequest = verdict.ok && verdict.message.start.kind === 'request';
      const parse = (text: string) => {
        if (!isRequest || !site.takeRequest(text, info)) onMessage(Buffer.from(text, 'latin1'), info);
      };
      const answer = verdict.ok
        ? pass(verdict.message, flow, bytes.length, site, parse)
        : refuse(verdict, 'UDP', info, bytes.length, site);
      if (answer !== undefined) sendDatagram(Buffer.from(answer, 'latin1'), info);
    } catch (error) {
      site.onFault('UDP', error);
    }
  });
  // The package sends (bytes, offset, length, port, address).
  Object.defineProperty(socket, 'send', {
    configurable: true,
    writable: true,
    value: (bytes: Buffer, offset: number, length: number, port: number, address: string) =>
      sendDatagram(bytes.subarray(offset, offset + length), { address, port }),
  });
  return sendDatagram;
}
