// A SIP server that sends every caller's media back, with latchkey under it. What is not between the two marks is
// what such a server has anyway. Run: `node --import=tsx docs/examples/server.ts [CERT KEY]`, both PEM; without them it
// listens on UDP and TCP of this machine only.
import { readFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import sip from 'sip';
import type { SipOptions, SipRequest } from 'latchkey/sip';

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const tls = cert === undefined ? undefined : { cert, key };
const options: SipOptions = { address: '127.0.0.1', port: 0, tls, tls_port: 0 };
const rtp = createSocket('udp4').bind(0, '127.0.0.1');
await once(rtp, 'listening');

// ten lines
import { createLatchkey } from 'latchkey';
import { latchSip } from 'latchkey/sip';

const latchkey = createLatchkey();
const latch = latchSip(sip, latchkey);
const stack = latch.create(options, onRequest); // was: sip.create(options, onRequest)
latch.on('session', (session) => {
  const media = session.bind(rtp); // the RTP socket that the server owns already
  media.on('packet', (bytes) => media.send(bytes)); // from, and to, the address that proved itself
  session.on('verified', ({ mapping, nat }) => console.log('verified', mapping, nat));
});
// end of the ten lines

function onRequest(request: SipRequest): void {
  if (request.method === 'INVITE') answer(request, 200, 'OK', describe(request));
  else if (request.method === 'BYE') answer(request, 200, 'OK');
  else if (request.method !== 'ACK') answer(request, 501, 'Not Implemented');
}

function answer(request: SipRequest, status: number, reason: string, content?: string): void {
  const headers = {
    contact: [{ uri: `sip:echo@${stack.hostname()}` }],
    ...(content !== undefined && { 'content-type': 'application/sdp' }),
  };
  const response = sip.makeResponse(request, status, reason, {
    headers,
    ...(content !== undefined && { content }),
  });
  const { to } = response.headers;
  if (to) response.headers.to = { ...to, params: { tag: 'echo', ...to.params } };
  stack.send(response);
}

/** One audio stream, PCMU, at our RTP socket: RTCP too, where the offer allows it. latchkey adds its attributes on the way out. */
function describe({ content = '' }: SipRequest): string {
  const { address, port } = rtp.address();
  const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
  const mux = /^a=rtcp-mux/m.test(content) ? ['a=rtcp-mux'] : [];
  return [...lines, `m=audio ${port} RTP/AVP 0`, ...mux, ''].join('\r\n');
}

await stack.ready;
console.log('listening', JSON.stringify(stack.addresses));
