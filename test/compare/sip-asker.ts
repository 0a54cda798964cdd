// The SIP of a scripted phone, over TLS, in the network namespace of the phone: one INVITE with the offer that it reads, a line of JSON,
// from standard input, and its ACK. Prints the answer as such a line, and holds the call until it is ended. Says "ready" when it is
// connected; fails when it is refused. Arguments: OWN-ADDRESS SERVER URI CERTIFICATE-FILE
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';

const [own = '', server = '', uri = '', certificate = ''] = process.argv.slice(2);
const TLS_PORT = 5061;
const name = `${process.pid}-${Date.now()}`;
const socket = connect({ host: server, port: TLS_PORT, ca: readFileSync(certificate) });
await once(socket, 'secureConnect');
const pieces = socket.setEncoding('latin1')[Symbol.asyncIterator]() as AsyncIterator<string>;
console.log(JSON.stringify({ event: 'ready' }));
for await (const line of createInterface(process.stdin)) {
  request('INVITE', `<${uri}>`, JSON.parse(line) as string);
  const { to, sdp } = await answered();
  request('ACK', to, '');
  console.log(JSON.stringify({ event: 'answered', sdp }));
}

function request(method: 'INVITE' | 'ACK', to: string, sdp: string): void {
  const lines = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/TLS ${own}:${socket.localPort};branch=z9hG4bK-${name}-${method};rport`,
    'Max-Forwards: 70',
    `From: <sip:phone@${own}>;tag=${name}`,
    `To: ${to}`,
    `Call-ID: ${name}@${own}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:phone@${own}:${socket.localPort};transport=tls>`,
    ...(sdp ? ['Content-Type: application/sdp'] : []),
    `Content-Length: ${sdp.length}`,
    '',
    sdp,
  ];
  socket.write(lines.join('\r\n'));
}

/** The 200 to the INVITE: what its To says, and its body. */
async function answered(): Promise<{ to: string; sdp: string }> {
  let text = '';
  for (;;) {
    const piece = await pieces.next();
    if (piece.done) throw new Error('the server closed the connection');
    text += piece.value;
    for (let end = endOf(text); end !== undefined; text = text.slice(end), end = endOf(text)) {
      const [head = '', sdp = ''] = text.slice(0, end).split('\r\n\r\n');
      const status = Number(/^SIP\/2\.0 (\d{3})/.exec(head)?.[1]);
      if (status >= 300) throw new Error(`the server refuses the call: ${head}`);
      const to = /^To: *(.*)$/im.exec(head)?.[1];
      if (status >= 200 && to !== undefined) return { to, sdp };
    }
  }
}

/** Where the first message of this text ends; undefined while it is not whole. */
function endOf(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const end = headEnd + 4 + Number(/^Content-Length: *(\d+)/im.exec(text)?.[1] ?? 0);
  return end <= text.length ? end : undefined;
}
