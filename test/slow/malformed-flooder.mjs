// A process of its own that sends malformed SIP to a UDP port, so many datagrams a second for so long, and prints how many it sent.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';

const [port, perSecond, seconds] = process.argv.slice(2).map(Number);
const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
await once(socket, 'listening');

const head = (start, extra = [], cseq = '1 OPTIONS') =>
  [
    start,
    `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKmalformed;rport`,
    'From: <sip:a@example.invalid>;tag=1',
    'To: <sip:b@example.invalid>',
    'Call-ID: malformed@example.invalid',
    `CSeq: ${cseq}`,
    ...extra,
    '',
    '',
  ].join('\r\n');
const OPTIONS = 'OPTIONS sip:b@127.0.0.1 SIP/2.0';
/** What the gate answers, what it drops, and what it reads to the end before it does. */
const messages = [
  head(OPTIONS, [], '1 INVITE'),
  head('OPTIONS sip:b@127.0.0.1 SIP/7.0'),
  head(OPTIONS, ['Content-Length: 9999']),
  head('OPT%0d%0aIONS sip:b@127.0.0.1 SIP/2.0'),
  head(OPTIONS, ['Call-ID: another']),
  head(OPTIONS, ['no colon in this line']),
  head(OPTIONS, ['X: \x01']),
  head(
    OPTIONS,
    Array.from({ length: 130 }, () => 'X: x'),
  ),
  'INVITE sip:b@127.0.0.1 SIP/2.0\r\n\r\n',
  '\x80'.repeat(172),
].map((text) => Buffer.from(text, 'latin1'));

let sent = 0;
const beginMs = performance.now();
for (;;) {
  const passedMs = performance.now() - beginMs;
  if (passedMs >= seconds * 1000) break;
  // What a pause of this process has left out is made up for little by little: it is a flood, no burst.
  for (let batch = 0; batch < 200 && sent < (passedMs / 1000) * perSecond; batch++, sent++)
    socket.send(messages[sent % messages.length], port, '127.0.0.1');
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(sent);
socket.close();
