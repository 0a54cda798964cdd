import assert from 'node:assert/strict';
import {
  formatReply,
  formatTransport,
  parseRoomUrl,
  parseTransport,
  sessionIdOf,
} from '../../lib/rtsp/index.js';

describe('rtsp: Transport', () => {
  it('is read as players and cameras write it', () => {
    assert.deepEqual(parseTransport('RTP/AVP/TCP;unicast;interleaved=2-3'), [
      { isRecord: false, kind: 'interleaved', channels: [2, 3] },
    ]);
    assert.deepEqual(parseTransport('RTP/AVP/UDP;unicast;client_port=5000-5001;mode="record",RTP/AVP/TCP'), [
      { isRecord: true, kind: 'udp', clientPorts: [5000, 5001], destination: undefined },
      { isRecord: false, kind: 'interleaved', channels: undefined },
    ]);
    assert.deepEqual(parseTransport('RTP/AVP;unicast;destination=192.0.2.9;client_port=5000'), [
      { isRecord: false, kind: 'udp', clientPorts: [5000, 5001], destination: '192.0.2.9' },
    ]);
  });

  it('passes over what is not known, cannot be, or goes to many', () => {
    for (const value of [
      ...['', 'RTP/SAVP;unicast;client_port=1-2', 'RTP/AVP;multicast;client_port=5000-5001'],
      ...['RTP/AVP;unicast', 'RTP/AVP;client_port=70000-70001', 'RTP/AVP;client_port=0-1'],
      ...['RTP/AVP/TCP;interleaved=256-257', 'RTP/AVP/TCP;interleaved=1-1'],
      'RTP/AVP;client_port=1-2;client_port=3-4',
    ])
      assert.deepEqual(parseTransport(value), [], value);
  });

  it('is written with the ports of both', () => {
    const agreed = { isRecord: true, clientPorts: [5000, 5001], serverPorts: [40000, 40001] } as const;
    assert.equal(
      formatTransport({ kind: 'udp', ...agreed, source: '192.0.2.1' }),
      'RTP/AVP;unicast;client_port=5000-5001;source=192.0.2.1;server_port=40000-40001;mode=record',
    );
    assert.equal(
      formatTransport({ kind: 'interleaved', channels: [0, 1], isRecord: false }),
      'RTP/AVP/TCP;unicast;interleaved=0-1',
    );
  });
});

describe('rtsp: URLs and texts', () => {
  it('names a room, a participant and a stream', () => {
    const none = { participant: undefined, stream: undefined };
    assert.deepEqual(parseRoomUrl('rtsp://h:8554/room'), { room: 'room', ...none });
    assert.deepEqual(parseRoomUrl('rtsps://u@[::1]/a%20room/?x=y'), { room: 'a room', ...none });
    assert.deepEqual(parseRoomUrl('rtsp://h/room/cam/stream=ab-0'), {
      ...{ room: 'room', participant: 'cam', stream: 'ab-0' },
    });
    for (const uri of [
      '*',
      'rtsp://h',
      'rtsp://h/',
      'rtsp://h/a/b/c',
      'rtsp://h/%0d%0aX',
      'rtsp://h/%zz',
      'http://h/a',
    ])
      assert.equal(parseRoomUrl(uri), undefined, uri);
  });

  it('writes answers, and no value that would break its line', () => {
    assert.equal(
      formatReply({ status: 200, headers: [['Public', 'OPTIONS']], body: { type: 'a/b', text: 'é' } }, 7),
      'RTSP/1.0 200 OK\r\nCSeq: 7\r\nPublic: OPTIONS\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\né',
    );
    assert.throws(() => formatReply({ status: 200, headers: [['X', 'a\r\nY: b']] }, 1));
    assert.equal(sessionIdOf('abc ;timeout=60'), 'abc');
  });
});
