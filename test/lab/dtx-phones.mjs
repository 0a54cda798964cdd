// Phones without any key that are silent when nobody speaks (DTX): each calls over TLS, speaks PCMU in spurts with comfort noise (RFC 3389)
// between them, or with one packet of it and then nothing, and does what a re-INVITE asks of it. Every other one announces its SSRC. They
// judge nothing that they hear: what came is for the captures to say. Arguments: OWN-ADDRESS SERVER URI CERTIFICATE-FILE COUNT. They begin
// at once, and talk until they are ended.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { connect } from 'node:tls';

const [, , own, server, uri, certificate, count] = process.argv;
const TLS_PORT = 5061;
const PACKET_MS = 20;
const SAMPLES = 160;
const PCMU = 0;
const COMFORT_NOISE = 13;
/** Somebody speaks for so long, and is silent for so long. */
const SPURT_MS = [300, 2500];
const PAUSE_MS = [200, 4000];
/** The first words, by which a phone is found. */
const GREETING_MS = 2000;
/** Of one who goes on to send comfort noise. */
const NOISE_EVERY_MS = 200;

const between = ([least, most]) => least + Math.random() * (most - least);
/** So that no two phones are in step. */
const APART_MS = 37;

for (let i = 0; i < Number(count); i++) {
  const [hasSsrc, goesOnWithNoise] = [i % 2 === 0, i % 4 < 2];
  setTimeout(() => void phone({ hasSsrc, goesOnWithNoise }), i * APART_MS);
}

async function phone({ hasSsrc, goesOnWithNoise }) {
  const media = createSocket('udp4');
  await once(media.bind(0), 'listening');
  const ssrc = randomBytes(4).readUInt32BE(0);
  const sdp = [
    ...['v=0', `o=- 1 1 IN IP4 ${own}`, 's=-', `c=IN IP4 ${own}`, 't=0 0'],
    `m=audio ${media.address().port} RTP/AVP ${PCMU} ${COMFORT_NOISE}`,
    ...['a=rtpmap:0 PCMU/8000', 'a=rtpmap:13 CN/8000'],
    ...(hasSsrc ? [`a=ssrc:${ssrc} cname:dtx`] : []),
    '',
  ].join('\r\n');
  let port;
  await call(sdp, (told) => {
    const isFirst = port === undefined;
    port = told;
    if (isFirst) speak(ssrc, goesOnWithNoise, (packet) => media.send(packet, port, server));
  });
}

/** Speaks and is silent by turns; numbers rise by one a packet, timestamps with the time. */
function speak(ssrc, goesOnWithNoise, send) {
  const [firstSequence, firstTimestamp] = [randomBytes(2).readUInt16BE(0), randomBytes(4).readUInt32BE(0)];
  const startMs = performance.now();
  let slot = 0;
  let sent = 0;
  let isSpeaking = true;
  let untilMs = GREETING_MS;
  let isFirst = true;
  let noiseMs = 0;
  const packet = (payloadType, payload) => {
    const header = Buffer.alloc(12);
    header.writeUInt16BE(0x8000 | (isFirst && payloadType === PCMU ? 0x80 : 0) | payloadType, 0);
    header.writeUInt16BE((firstSequence + sent++) & 0xffff, 2);
    header.writeUInt32BE((firstTimestamp + slot * SAMPLES) >>> 0, 4);
    header.writeUInt32BE(ssrc, 8);
    send(Buffer.concat([header, payload]));
    isFirst = false;
  };
  const tick = () => {
    for (; startMs + slot * PACKET_MS <= performance.now(); slot++) {
      const nowMs = slot * PACKET_MS;
      if (nowMs >= untilMs) {
        isSpeaking = !isSpeaking;
        untilMs = nowMs + between(isSpeaking ? SPURT_MS : PAUSE_MS);
        isFirst = true;
        noiseMs = nowMs;
      }
      if (isSpeaking) packet(PCMU, randomBytes(SAMPLES));
      else if (nowMs === noiseMs) {
        packet(COMFORT_NOISE, randomBytes(8));
        if (goesOnWithNoise) noiseMs += NOISE_EVERY_MS;
      }
    }
  };
  setInterval(tick, PACKET_MS / 4);
}

/** `onTold` gets the port of every description of the server's. */
async function call(sdp, onTold) {
  const socket = connect({ host: server, port: TLS_PORT, ca: readFileSync(certificate) });
  await once(socket, 'secureConnect');
  const name = randomBytes(8).toString('hex');
  const contact = `Contact: <sip:phone@${own}:${socket.localPort};transport=tls>`;
  const write = (lines, body) => {
    const type = body ? ['Content-Type: application/sdp'] : [];
    socket.write([...lines, ...type, `Content-Length: ${body.length}`, '', body].join('\r\n'));
  };
  const request = (method, to, body) =>
    write(
      [
        `${method} ${uri} SIP/2.0`,
        `Via: SIP/2.0/TLS ${own}:${socket.localPort};branch=z9hG4bK-${name}-${method};rport`,
        'Max-Forwards: 70',
        `From: <sip:phone@${own}>;tag=${name}`,
        `To: ${to}`,
        `Call-ID: ${name}@${own}`,
        `CSeq: 1 ${method}`,
        contact,
      ],
      body,
    );
  const portOf = (body) => Number(/^m=audio (\d+)/m.exec(body)[1]);
  const handle = (head, body) => {
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(head)?.[1]);
    if (status >= 300) throw new Error(`the server refuses the call: ${head}`);
    if (status >= 200) {
      request('ACK', /^To: *(.*)$/im.exec(head)[1].trim(), '');
      return onTold(portOf(body));
    }
    if (status > 0 || head.startsWith('ACK ')) return;
    const isOffer = head.startsWith('INVITE ');
    const echoed = head.match(/^(?:Via|From|To|Call-ID|CSeq): *.*$/gim).map((line) => line.trim());
    write(['SIP/2.0 200 OK', ...echoed, contact], isOffer ? sdp : '');
    if (isOffer) onTold(portOf(body));
  };
  let text = '';
  socket.setEncoding('latin1').on('data', (piece) => {
    text += piece;
    for (;;) {
      // The server keeps the connection open (RFC 5626 3.5.1).
      text = text.replace(/^(?:\r\n)+/, '');
      const headEnd = text.indexOf('\r\n\r\n');
      const end = headEnd + 4 + Number(/^Content-Length: *(\d+)/im.exec(text)?.[1] ?? 0);
      if (headEnd < 0 || end > text.length) return;
      const message = text.slice(0, end);
      text = text.slice(end);
      handle(message.slice(0, headEnd), message.slice(headEnd + 4));
    }
  });
  request('INVITE', `<${uri}>`, sdp);
}
