// The SIP of a scripted phone, over TLS, in the network namespace of the phone: one INVITE with the offer that it reads, a line of JSON,
// from standard input, and its ACK. Prints the answer as such a line, and holds the call until it is ended. To every later offer of the
// server's it agrees, with its own description as it was, and prints that offer. Says "ready" when it is connected; fails when it is
// refused. Arguments: OWN-ADDRESS SERVER URI CERTIFICATE-FILE
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';

const [own = '', server = '', uri = '', certificate = ''] = process.argv.slice(2);
const TLS_PORT = 5061;
/** Of a request that goes back with its response. */
const ECHOED = /^(?:Via|From|To|Call-ID|CSeq): *.*$/gim;
const name = `${process.pid}-${Date.now()}`;
const socket = connect({ host: server, port: TLS_PORT, ca: readFileSync(certificate) });
await once(socket, 'secureConnect');
const contact = `Contact: <sip:phone@${own}:${socket.localPort};transport=tls>`;
let description = '';
let text = '';
let isAnswered = false;
socket.setEncoding('latin1').on('data', (piece: string) => {
  // Empty lines in front keep a connection open (RFC 5626 3.5.1).
  text = (text + piece).replace(/^(?:\r\n)+/, '');
  for (let end = endOf(text); end !== undefined; end = endOf(text)) {
    const [head = '', body = ''] = text.slice(0, end).split('\r\n\r\n');
    text = text.slice(end);
    handle(head, body);
  }
});
socket.on('end', () => {
  throw new Error('the server closed the connection');
});
console.log(JSON.stringify({ event: 'ready' }));
createInterface(process.stdin).once('line', (line) => {
  description = JSON.parse(line) as string;
  request('INVITE', `<${uri}>`, description);
});

function request(method: 'INVITE' | 'ACK', to: string, sdp: string): void {
  const lines = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/TLS ${own}:${socket.localPort};branch=z9hG4bK-${name}-${method};rport`,
    'Max-Forwards: 70',
    `From: <sip:phone@${own}>;tag=${name}`,
    `To: ${to}`,
    `Call-ID: ${name}@${own}`,
    `CSeq: 1 ${method}`,
    contact,
  ];
  write(lines, sdp);
}

function handle(head: string, sdp: string): void {
  const status = /^SIP\/2\.0 (\d{3})/.exec(head)?.[1];
  if (status !== undefined) return handleResponse(Number(status), head, sdp);
  const method = head.slice(0, head.indexOf(' '));
  if (method === 'ACK') return;
  write(['SIP/2.0 200 OK', ...(head.match(ECHOED) ?? []), contact], method === 'INVITE' ? description : '');
  if (method === 'INVITE') console.log(JSON.stringify({ event: 'asked', sdp }));
}

function handleResponse(status: number, head: string, sdp: string): void {
  if (status >= 300) throw new Error(`the server refuses the call: ${head}`);
  const to = /^To: *(.*)$/im.exec(head)?.[1];
  if (status < 200 || to === undefined || isAnswered) return;
  isAnswered = true;
  request('ACK', to, '');
  console.log(JSON.stringify({ event: 'answered', sdp }));
}

function write(lines: readonly string[], sdp: string): void {
  const type = sdp ? ['Content-Type: application/sdp'] : [];
  socket.write([...lines, ...type, `Content-Length: ${sdp.length}`, '', sdp].join('\r\n'));
}

/** Where the first message of this text ends; undefined while it is not whole. */
function endOf(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const end = headEnd + 4 + Number(/^Content-Length: *(\d+)/im.exec(text)?.[1] ?? 0);
  return end <= text.length ? end : undefined;
}
