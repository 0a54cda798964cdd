// Sessions without SDP (protocol.md 8.3): what is known of a peer's packets is told by `expect`, on real sockets.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createLatchkey, type Latchkey, type MediaPort, type Session } from '../../lib/index.js';
import { makeRtp } from '../support/media.js';

const bound = async (): Promise<Socket> => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
};

describe('net: sessions without SDP', () => {
  let latchkey: Latchkey;
  let session: Session;
  let port: MediaPort;
  let server: Socket;
  let engine: Socket;
  let sequence = 0;

  beforeEach(async () => {
    latchkey = createLatchkey();
    session = latchkey.createSession({ signalling: 'clear' });
    [server, engine] = await Promise.all([bound(), bound()]);
    port = session.bind(server);
  });

  afterEach(() => {
    latchkey.close();
    for (const socket of [server, engine]) socket.close();
  });

  const say = (ssrc: number, count = 1) => {
    for (let i = 0; i < count; i++, sequence++)
      engine.send(makeRtp({ ssrc, sequence, timestamp: 160 * sequence }), server.address().port, '127.0.0.1');
  };

  it('an expected SSRC is locked at its first run, and nothing else is', async () => {
    session.expect({ ssrc: 77, payloadTypes: [0] });
    assert.equal(session.protection, 'evidence');
    const heard: number[] = [];
    port.on('packet', (bytes) => heard.push(bytes.readUInt32BE(8)));
    const locked = once(session, 'locked');
    say(5, 4);
    say(77, 3);
    const [event] = (await locked) as [{ ground: string; remote: { port: number } }];
    assert.deepEqual([event.ground, event.remote.port], ['ssrc', engine.address().port]);
    while (heard.length < 3) await once(port, 'packet');
    assert.deepEqual(heard, [77, 77, 77]);
  });

  it('an expected address gets media unasked once its engine is shown, and is locked by its run', async () => {
    session.shown('127.0.0.1');
    session.expect({ address: { address: '127.0.0.1', port: engine.address().port } });
    assert.equal(port.send(makeRtp({ ssrc: 1, sequence: 1, timestamp: 1 })), true);
    await once(engine, 'message');
    const locked = once(session, 'locked');
    say(9, 3);
    const [event] = (await locked) as [{ ground: string }];
    assert.equal(event.ground, 'sdp');
  });

  it('what is no address, SSRC or payload type is refused, and all of it under "require"', () => {
    for (const [given, pattern] of [
      [{ ssrc: -1 }, /"ssrc" accepts an SSRC of 32 bits/],
      [{ payloadTypes: [200] }, /"payloadTypes" accepts a list of numbers from 0 to 127/],
      [{ address: { address: 'here', port: 5 } }, /accepts an IP address/],
    ] as const)
      assert.throws(() => session.expect(given), pattern);
    const strict = latchkey.createSession({ signalling: 'clear', policy: 'require' });
    assert.throws(() => strict.expect({ ssrc: 1 }), { code: 'LATCHKEY_OPTION' });
  });
});
