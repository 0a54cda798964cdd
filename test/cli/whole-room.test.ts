import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { RawPhone } from './raw-phone.js';
import { CommandProcess, ServerProcess } from './server-process.js';

after(() => CommandProcess.killAll());

/** A phone's packets are this far apart. */
const PACKET_MS = 20;

/** A socket for the media of one section, and what it heard. */
class MediaEnd {
  readonly heard: Buffer[] = [];

  private constructor(private readonly socket: dgram.Socket) {
    socket.on('message', (bytes) => this.heard.push(bytes));
  }

  static async open(): Promise<MediaEnd> {
    const socket = dgram.createSocket('udp4');
    await once(socket.bind(0, '127.0.0.1'), 'listening');
    return new MediaEnd(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(bytes: Uint8Array, port: number): void {
    this.socket.send(bytes, port, '127.0.0.1');
  }

  close(): void {
    this.socket.close();
  }
}

function descriptionOf(...sections: (readonly string[])[]): string {
  const head = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  return [...head, ...sections.flat()].map((line) => `${line}\r\n`).join('');
}

function portsIn(sdp: string): number[] {
  return [...sdp.matchAll(/^m=\S+ (\d+)/gm)].map(([, port]) => Number(port));
}

function packet(payloadType: number, ssrc: number, sequence = 0): Buffer {
  return Buffer.from([0x80, payloadType, 0, sequence, 0, 0, 0, 0, 0, 0, 0, ssrc, 1, 2, 3, ssrc]);
}

/** Of RTP all but the numbers, which are the server's (docs/protocol.md 8.3.11). */
function spoken(bytes: Buffer = Buffer.alloc(0)): Buffer {
  return bytes[0] === 0x80 ? Buffer.concat([bytes.subarray(0, 2), bytes.subarray(12)]) : bytes;
}

for (const media of ['auto', '21000-21099']) {
  describe(`latchkey serve --media ${media}: a meeting with more than audio`, () => {
    let server: ServerProcess;
    const ends: { close(): void }[] = [];
    before(async () => {
      server = await ServerProcess.start('--media', media);
    });
    after(async () => {
      for (const end of ends) end.close();
      assert.equal((await server.stop()).code, 0);
    });

    async function caller() {
      const phone = await RawPhone.open(server.port('udp'));
      const sections = [await MediaEnd.open(), await MediaEnd.open(), await MediaEnd.open()] as const;
      ends.push(phone, ...sections);
      return { phone, sections };
    }

    it('carries audio, video and data of each to the other, also what a re-INVITE adds', async () => {
      const [a, b] = [await caller(), await caller()];
      const offer = ({ sections }: typeof a, number: number, isFirst = false) => {
        const [audio, video, data] = sections;
        const pictures = [`m=video ${video.port} RTP/AVP ${number}`, `a=rtpmap:${number} VP8/90000`];
        const board = [`m=application ${data.port} udp wb`];
        return descriptionOf([`m=audio ${audio.port} RTP/AVP 0`], pictures, ...(isFirst ? [] : [board]));
      };
      const first = await a.phone.ask('INVITE', { user: 'whole', body: offer(a, 96, true) });
      assert.equal(first.status, 200);
      const answer = await b.phone.ask('INVITE', { user: 'whole', body: offer(b, 97) });
      assert.equal(answer.status, 200);
      const more = await a.phone.ask('INVITE', { user: 'whole', body: offer(a, 96) });
      assert.equal(more.status, 200);
      const [toA, toB] = [portsIn(more.body), portsIn(answer.body)];
      assert.deepEqual(toA.slice(0, 2), portsIn(first.body));
      assert.ok([...toA, ...toB].every((port) => port > 0));
      assert.equal(new Set([...toA, ...toB]).size, media === 'auto' ? 1 : 6);

      // A phone without a key is heard after a run, and UDP may lose one now and then, even here: they go on until they are heard.
      for (let round = 0; round < 50; round++) {
        const messages = [packet(0, 1, round), packet(97, 2, round), Buffer.from('a line')];
        b.sections.forEach((end, index) => end.send(messages[index]!, toB[index]!));
        await pause(PACKET_MS);
        if (a.sections.every(({ heard }) => heard.length > 0)) break;
      }
      assert.deepEqual(
        a.sections.map(({ heard }) => spoken(heard[0])),
        [spoken(packet(0, 1)), spoken(packet(96, 2)), Buffer.from('a line')],
      );
      for (let round = 0; round < 50 && b.sections[1].heard.length === 0; round++) {
        a.sections[1].send(packet(96, 3, round), toA[1]!);
        await pause(PACKET_MS);
      }
      assert.deepEqual(spoken(b.sections[1].heard[0]), spoken(packet(97, 3)));
      for (const { phone } of [a, b]) assert.equal((await phone.ask('BYE')).status, 200);
    });

    if (media !== 'auto') return;
    it('has fifty places in a room; the next caller is told so', async () => {
      for (let index = 0; index < 50; index++) {
        const phone = await RawPhone.open(server.port('udp'));
        ends.push(phone);
        assert.equal((await phone.ask('INVITE', { user: 'full', body: phone.sdp() })).status, 200);
      }
      const phone = await RawPhone.open(server.port('udp'));
      ends.push(phone);
      const refused = await phone.ask('INVITE', { user: 'full', body: phone.sdp() });
      assert.equal(refused.status, 486);
      assert.match(refused.headers.get('warning') ?? '', /the room is full/);
      assert.equal((await phone.ask('INVITE', { user: 'other', body: phone.sdp() })).status, 200);
    });
  });
}
