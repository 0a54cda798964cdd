// A phone with ICE and no rtcp-mux, on real sockets, and one socket of ours for both of its components: bound, and guarded.
import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey, Session } from '../../lib/index.js';
import { IcePhone, readServerCheck } from '../support/ice-phone.js';
import { makeRtp, makeSenderReport } from '../support/media.js';
import { makeSdp } from '../support/session-description.js';
import { Sockets } from './sockets.js';

/** In the phone's description: nobody is there. */
const SIGNALLED = { address: '10.0.1.2', rtp: 5004, rtcp: 5005 };
const REPORT = Buffer.from(makeSenderReport(0x1234, 1000, 1));
const PACKET = Buffer.from(makeRtp({ sequence: 1, timestamp: 160, ssrc: 0x1234, payloadType: 0 }));

describe('net: RTCP of a phone with ICE at the socket of RTP', () => {
  const sockets = new Sockets();
  let latchkey: Latchkey;

  afterEach(async () => {
    latchkey.close();
    await sockets.closeAll();
  });

  /** The next datagram that is no check of the server's: those the phone answers. */
  function heard(phone: IcePhone, socket: Socket): Promise<Buffer> {
    return new Promise((resolve) =>
      socket.on('message', (bytes, source) => {
        const check = readServerCheck(bytes, phone.pwd);
        if (check) socket.send(phone.answer(check, source), source.port, source.address);
        else if (bytes.readUInt16BE(0) !== 0x0101) resolve(bytes);
      }),
    );
  }

  /** A phone whose two components are verified. */
  async function connect(take: (session: Session, socket: Socket) => void) {
    latchkey = createLatchkey();
    const session = latchkey.createSession({ signalling: 'clear' });
    const own = await sockets.bound();
    take(session, own);
    const phone = new IcePhone('first');
    const { address, rtp: port } = SIGNALLED;
    assert.ok(session.setRemote(makeSdp({ address, media: [{ port, lines: phone.lines }] })).accepted);
    const { port: ownPort } = own.address();
    phone.readAnswer(session.setLocal(makeSdp({ address: '127.0.0.1', media: [{ port: ownPort }] })));
    const [rtp, rtcp] = [await sockets.bound(), await sockets.bound()];
    const at = [rtp, rtcp].map((socket) => heard(phone, socket));
    const verified = new Promise<void>((resolve) => {
      let count = 0;
      session.on('verified', () => ++count === 2 && resolve());
    });
    for (const [socket, priority] of [
      [rtp, 0x6e0000ff],
      [rtcp, 0x6e0000fe],
    ] as const)
      socket.send(phone.check({ priority, isNominating: true }), ownPort, '127.0.0.1');
    await verified;
    return { own, ownPort, rtp, rtcp, at: at as [Promise<Buffer>, Promise<Buffer>] };
  }

  it('bind: one port hears both, and sends each to where its like is', async () => {
    const { rtp, rtcp, at, ownPort } = await connect((session, socket) => {
      const media = session.bind(socket);
      media.on('packet', (bytes) => media.send(bytes));
    });
    rtp.send(PACKET, ownPort, '127.0.0.1');
    rtcp.send(REPORT, ownPort, '127.0.0.1');
    assert.deepEqual(await Promise.all(at), [PACKET, REPORT]);
  });

  it('guard: what goes to either address of the description goes to its mapping', async () => {
    const messages: Buffer[] = [];
    const { own, rtcp, at, ownPort } = await connect((session, socket) => session.guard(socket));
    own.on('message', (bytes) => messages.push(bytes));
    own.send(PACKET, SIGNALLED.rtp, SIGNALLED.address);
    own.send(REPORT, SIGNALLED.rtcp, SIGNALLED.address);
    assert.deepEqual(await Promise.all(at), [PACKET, REPORT]);
    const heardAt = new Promise((resolve) => own.once('message', resolve));
    rtcp.send(REPORT, ownPort, '127.0.0.1');
    assert.deepEqual(await heardAt, REPORT);
    assert.deepEqual(messages, [REPORT]);
  });
});
