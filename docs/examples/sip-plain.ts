// An echo server on the `sip` package whose media engine is a dgram socket for each call: it sends what it hears to the address in the
// caller's SDP. Run: `node --import=tsx docs/examples/sip-plain.ts ADDRESS PORT [CERT KEY]`: UDP and TCP at that port, and with a
// certificate and its key, both PEM, TLS at the next. docs/examples/sip.ts is the same with latchkey.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import sip from 'sip';
import type { SipFlow, SipRequest } from 'sip';

const [address = '127.0.0.1', port = '5060', ...pem] = process.argv.slice(2);
const ports = { UDP: Number(port), TCP: Number(port), TLS: Number(port) + 1 };
const [cert, key] = pem.map((file) => readFileSync(file, 'utf8'));
const options = {
  address,
  port: ports.TCP,
  tls: cert === undefined ? undefined : { cert, key },
  tls_port: ports.TLS,
};
const calls = new Map<string, Awaited<ReturnType<typeof openEcho>>>();

/** Where an SDP wants its audio: a section's own address goes before that of all. */
function readTarget(sdp: string) {
  const [session = '', ...sections] = sdp.split(/^m=/m);
  const audio = sections.find((section) => section.startsWith('audio')) ?? '';
  const [, ip = ''] = [audio, session].flatMap((part) => /^c=IN IP4 (\S+)/m.exec(part) ?? []);
  return { ip, port: Number(/^audio (\d+)/.exec(audio)?.[1]) };
}

async function openEcho(sdp: string) {
  let target = readTarget(sdp);
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  socket.on('message', (bytes) => {
    const isRtcp = ((bytes[1] ?? 0) & 0xe0) === 0xc0;
    if (!isRtcp && target.port > 0) socket.send(bytes, target.port, target.ip);
  });
  const lines = ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
  lines.push(`m=audio ${socket.address().port} RTP/AVP 0 8`, 'a=sendrecv', '');
  return { socket, localSdp: lines.join('\r\n'), move: (to: string) => (target = readTarget(to)) };
}

function respond(request: SipRequest, status: number, reason: string, more: object = {}) {
  const response = sip.makeResponse(request, status, reason, more);
  const { to } = response.headers;
  if (to) response.headers.to = { ...to, params: { tag: 'echo', ...to.params } };
  stack.send(response);
}

async function answer(request: SipRequest, protocol: 'UDP' | 'TCP' | 'TLS') {
  const { content = '', headers } = request;
  const call = calls.get(String(headers['call-id'])) ?? (await openEcho(content));
  calls.set(String(headers['call-id']), call);
  call.move(content);
  const contact = [{ uri: `sip:echo@${address}:${ports[protocol]};transport=${protocol.toLowerCase()}` }];
  const answered = { contact, 'content-type': 'application/sdp' };
  respond(request, 200, 'OK', { headers: answered, content: call.localSdp });
}

function hangUp(id: string) {
  calls.get(id)?.socket.close();
  calls.delete(id);
}

function onRequest(request: SipRequest, { protocol }: SipFlow) {
  if (request.method === 'INVITE')
    answer(request, protocol as 'UDP' | 'TCP' | 'TLS').catch((error: unknown) => console.error(error));
  else if (request.method === 'BYE') {
    hangUp(String(request.headers['call-id']));
    respond(request, 200, 'OK');
  } else if (request.method !== 'ACK') respond(request, 501, 'Not Implemented');
}

const stack = sip.create(options, onRequest);
console.log('listening', address, port);
