// Asks an RTSP server, by hand, to send media where others are: an argument in JSON, { server, port, path, transports: [header…] }. For each transport it has a connection of its own, on which it describes, sets up, sends a packet to the ports that it
// is told where it is to punch, and plays. It prints { event: 'asked', transport, setUp, play, serverPort } for each, then
// { event: 'done' }, and ends when its input does: what came of it is for the captures to say.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const { server, port, path, transports } = JSON.parse(process.argv[2]);
const base = `rtsp://${server}:${port}/${path}`;
process.stdin.on('end', () => process.exit()).resume();

class Talk {
  #socket = connect(port, server);
  #text = '';
  #wanted = [];
  #cseq = 0;

  constructor() {
    this.#socket.setEncoding('latin1').on('data', (text) => {
      this.#text += text;
      const end = this.#text.indexOf('\r\n\r\n');
      const length = Number(/content-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0);
      if (end < 0 || this.#text.length < end + 4 + length) return;
      const answer = this.#text.slice(0, end + 4 + length);
      this.#text = this.#text.slice(answer.length);
      this.#wanted.shift()?.(answer);
    });
  }

  ask(method, uri, headers = '') {
    this.#socket.write(`${method} ${uri} RTSP/1.0\r\nCSeq: ${++this.#cseq}\r\n${headers}\r\n`);
    return new Promise((resolve) => this.#wanted.push(resolve));
  }
}

const statusOf = (answer) => Number(/^RTSP\/1\.0 (\d{3})/.exec(answer)?.[1]);

for (const transport of transports) {
  const talk = new Talk();
  const description = await talk.ask('DESCRIBE', base);
  const control = /a=control:(stream=\S+)/.exec(description)?.[1] ?? '';
  const answer = await talk.ask('SETUP', `${base}/${control}`, `Transport: ${transport}\r\n`);
  const said = { transport, setUp: statusOf(answer) };
  if (said.setUp === 200) {
    said.serverPort = Number(/server_port=(\d+)/.exec(answer)?.[1]);
    createSocket('udp4').send(Buffer.from([0x80, 0, ...Array(10).fill(0)]), said.serverPort, server);
    const session = /session: *([^;\r]+)/i.exec(answer)?.[1];
    said.play = statusOf(await talk.ask('PLAY', base, `Session: ${session}\r\n`));
  }
  console.log(JSON.stringify({ event: 'asked', ...said }));
}
console.log(JSON.stringify({ event: 'done' }));
