import assert from 'node:assert/strict';
import { createRooms } from '../../lib/room/index.js';
import { describeWatch, readAnnouncement, watchableStreams } from '../../lib/rtsp/index.js';
import { FakePort } from '../room/participants.js';

/** As ffmpeg 5.1 announces a camera with AAC. */
const CAMERA = [
  ...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=No Name', 'c=IN IP4 127.0.0.1', 't=0 0', 'a=tool:libavformat'],
  ...['m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000'],
  'a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtkA,aMuDyyA=; profile-level-id=42C01E',
  'a=control:streamid=0',
  ...['m=audio 0 RTP/AVP 97', 'b=AS:69', 'a=rtpmap:97 MPEG4-GENERIC/44100/1'],
  'a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1208',
  'a=control:streamid=1',
].join('\r\n');

describe('rtsp: descriptions', () => {
  it('reads what a camera announces, AAC and all', () => {
    const announced = readAnnouncement(CAMERA);
    assert.ok(announced.ok);
    assert.deepEqual(
      announced.streams.map(({ control, stream }) => [control, stream.channel, stream.sends[0]?.codec]),
      [
        ['streamid=0', 'video', 'H264/90000'],
        ['streamid=1', 'audio', 'mpeg4-generic/44100/1'],
      ],
    );
    assert.deepEqual(
      announced.streams.map(({ stream: { isSending, isListening } }) => [isSending, isListening]),
      [
        [true, false],
        [true, false],
      ],
    );
  });

  it('leaves out what a room does not pass through, and refuses where that is all', () => {
    for (const text of ['', 'v=0', CAMERA.replaceAll('H264', 'MP2T').replaceAll('MPEG4', 'X')])
      assert.equal(readAnnouncement(text).ok, false);
  });

  it('describes what participants send to who watches, with the parameters of its codecs as they were sent', () => {
    const announced = readAnnouncement(CAMERA);
    assert.ok(announced.ok);
    const rooms = createRooms();
    const streams = announced.streams.map(({ stream }) => ({ stream, rtp: new FakePort() }));
    const leg = rooms.join('room', { call: 'c', name: 'cam\r\na=evil', streams });
    const watchable = watchableStreams([leg]);
    const text = describeWatch({
      ...{ sessionId: '1', address: '192.0.2.1', title: 'room' },
      streams: watchable.map((one, index) => ({ ...one, control: `stream=x-${index}` })),
    });
    assert.equal(
      text,
      [
        ...['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=room', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*'],
        ...['a=range:npt=now-', 'm=video 0 RTP/AVP 96', 'i=cam  a=evil', 'a=rtpmap:96 H264/90000'],
        'a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtkA,aMuDyyA=; profile-level-id=42C01E',
        ...['a=control:stream=x-0', 'm=audio 0 RTP/AVP 97', 'i=cam  a=evil'],
        'a=rtpmap:97 mpeg4-generic/44100/1',
        'a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1208',
        ...['a=control:stream=x-1', ''],
      ].join('\r\n'),
    );
  });
});
