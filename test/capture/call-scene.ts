// A capture that was never captured: SIP, RTP and STUN as somebody would have seen them, handed to the analysis or
// written to a file.
import { CaptureAnalysis } from '../../lib/capture/capture-analysis.js';
import type { CapturedDatagram } from '../../lib/capture/traffic.js';
import type { CaptureReport, StreamReport } from '../../lib/capture/capture-report.js';
import { nodeSrtpCrypto } from '../../lib/net/node-srtp-crypto.js';
import type { TransportAddress } from '../../lib/wire/index.js';

/** `10.0.1.2:40000`, IPv4 only. */
export function at(text: string): TransportAddress {
  const [address = '', port = ''] = text.split(':');
  return { address, port: Number(port) };
}

export interface SipOptions {
  readonly callId?: string;
  readonly fromTag?: string;
  readonly toTag?: string;
  readonly sequence?: number;
  readonly branch?: string;
  readonly sdp?: string;
  /** Where it came from and went to. */
  readonly way: readonly [string, string];
  /** Of the CSeq, for a response. */
  readonly method?: string;
}

export function sdpOf(media: string, ...attributes: readonly string[]): string {
  const { address, port } = at(media);
  const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
  return [...lines, `m=audio ${port} RTP/AVP 0`, ...attributes, ''].join('\r\n');
}

export class CallScene {
  readonly datagrams: CapturedDatagram[] = [];

  /** `start` is a request line without version, or a status and its reason. */
  sip(atMs: number, start: string, options: SipOptions): this {
    const { callId = 'call', fromTag = 'a', toTag = '', sequence = 1, sdp = '', way } = options;
    const isResponse = /^\d/.test(start);
    const method = options.method ?? (isResponse ? 'INVITE' : start.split(' ')[0]);
    const text = [
      isResponse ? `SIP/2.0 ${start}` : `${start} SIP/2.0`,
      `Via: SIP/2.0/UDP host;branch=${options.branch ?? `z9hG4bK-${method}-${sequence}`}`,
      `From: <sip:alice@example.com>;tag=${fromTag}`,
      `To: <sip:bob@example.com>${toTag && `;tag=${toTag}`}`,
      `Call-ID: ${callId}`,
      `CSeq: ${sequence} ${method}`,
      ...(sdp ? ['Content-Type: application/sdp'] : []),
      `Content-Length: ${sdp.length}`,
      '',
      sdp,
    ].join('\r\n');
    return this.datagram(atMs, way, Buffer.from(text, 'latin1'));
  }

  /** A call between two media addresses, answered at once. */
  call(
    atMs: number,
    media: readonly [string, string],
    way: readonly [string, string],
    callId = 'call',
  ): this {
    const back = [way[1], way[0]] as const;
    return this.sip(atMs, 'INVITE sip:bob@example.com', { way, callId, sdp: sdpOf(media[0]) })
      .sip(atMs + 1, '200 OK', { way: back, callId, toTag: 'b', sdp: sdpOf(media[1]) })
      .sip(atMs + 2, 'ACK sip:bob@example.com', { way, callId, toTag: 'b' });
  }

  /** A packet every 20 ms from `fromMs` up to, not including, `toMs`; sequence numbers tell the time. */
  rtp(
    fromMs: number,
    toMs: number,
    way: readonly [string, string],
    { ssrc = 1, everyMs = 20, sequence = Math.round(fromMs / 20), payloadType = 0 } = {},
  ): this {
    for (let nowMs = fromMs, i = 0; nowMs < toMs; nowMs += everyMs, i++) {
      const payload = new Uint8Array(172);
      const view = new DataView(payload.buffer);
      view.setUint16(0, 0x8000 | payloadType);
      view.setUint16(2, (sequence + i) & 0xffff);
      view.setUint32(4, nowMs * 8);
      view.setUint32(8, ssrc);
      this.datagram(nowMs, way, payload);
    }
    return this;
  }

  datagram(atMs: number, way: readonly [string, string], payload: Uint8Array): this {
    this.datagrams.push({ timeMs: 1e12 + atMs, source: at(way[0]), destination: at(way[1]), payload });
    return this;
  }

  inOrder(): CapturedDatagram[] {
    return [...this.datagrams]
      .sort((a, b) => a.timeMs - b.timeMs)
      .map((datagram, i) => ({ ...datagram, frame: i + 1 }));
  }

  report(): CaptureReport {
    const analysis = new CaptureAnalysis({ srtpCrypto: nodeSrtpCrypto });
    for (const datagram of this.inOrder()) analysis.onDatagram(datagram);
    return analysis.finish().report;
  }
}

/** The stream that begins at `source` and ends at `destination`. */
export function streamOf(report: CaptureReport, source: string, destination: string): StreamReport {
  const found = report.streams.find((one) => one.source === source && one.destination === destination);
  if (!found) throw new Error(`no stream from ${source} to ${destination}`);
  return found;
}
