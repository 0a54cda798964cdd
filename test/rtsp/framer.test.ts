import assert from 'node:assert/strict';
import { RTSP_LIMITS, RTSP_REASONS, RtspFramer } from '../../lib/rtsp/index.js';
import type { RtspLimits, RtspRefusal, RtspVerdict } from '../../lib/rtsp/index.js';

type Told =
  | { readonly verdict: RtspVerdict }
  | { readonly channel: number; readonly packet: string }
  | { readonly broken: RtspRefusal };

function read(pieces: readonly Buffer[], limits: RtspLimits = RTSP_LIMITS) {
  const told: Told[] = [];
  const framer = new RtspFramer(limits, {
    onVerdict: (verdict) => told.push({ verdict }),
    onFrame: (channel, packet) => told.push({ channel, packet: packet.toString('latin1') }),
    onBroken: (broken) => told.push({ broken }),
  });
  for (const piece of pieces) framer.push(piece);
  return { told, framer };
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const request = (...lines: string[]) =>
  `${['OPTIONS rtsp://h/room RTSP/1.0', ...lines].join('\r\n')}\r\n\r\n`;
const reasonOf = (text: string, limits?: RtspLimits) => {
  const [first] = read([bytes(text)], limits).told;
  if (first && 'verdict' in first) return first.verdict.ok ? 'passed' : first.verdict.reason;
  return first && 'broken' in first ? `broken: ${first.broken.reason}` : undefined;
};

describe('rtsp: the framer and its gate', () => {
  const stream = Buffer.concat([
    bytes(request('CSeq: 1', 'Session: abc;timeout=60')),
    bytes('$\x01\x00\x03abc'),
    bytes('$\x00\x00\x00'),
    bytes('\r\nANNOUNCE rtsp://h/room/cam RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nv=0\r\n'),
    bytes('RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n'),
  ]);

  it('cuts requests, bodies, answers and frames out of a stream', () => {
    const { told, framer } = read([stream]);
    assert.equal(framer.isWaiting, false);
    assert.deepEqual(
      told.map((one) => ('verdict' in one && one.verdict.ok ? one.verdict.message.start : one)),
      [
        { kind: 'request', method: 'OPTIONS', uri: 'rtsp://h/room' },
        { channel: 1, packet: 'abc' },
        { channel: 0, packet: '' },
        { kind: 'request', method: 'ANNOUNCE', uri: 'rtsp://h/room/cam' },
        { kind: 'response', status: 200, reason: 'OK' },
      ],
    );
    const [first, , , announce] = told;
    assert.ok(first && 'verdict' in first && first.verdict.ok);
    assert.deepEqual(first.verdict.message.fields.get('session'), ['abc;timeout=60']);
    assert.ok(announce && 'verdict' in announce && announce.verdict.ok);
    assert.equal(announce.verdict.message.body, 'v=0\r\n');
  });

  it('reads the same however the stream is cut', () => {
    const whole = read([stream]).told;
    for (let size = 1; size < stream.length; size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
      assert.deepEqual(read(pieces).told, whole, `pieces of ${size}`);
    }
  });

  it('says of every beginning that it waits, and tells nothing of it', () => {
    for (const part of [request('CSeq: 1'), '$\x01\x00\x03abc']) {
      for (let size = 1; size < part.length; size++) {
        const { told, framer } = read([bytes(part.slice(0, size))]);
        assert.deepEqual([told, framer.isWaiting], [[], true], part.slice(0, size));
      }
    }
  });

  const refusals: Record<string, string> = {
    'broken: no-head': '\x00\x01garbage',
    'broken: head-size': `OPTIONS rtsp://h/a RTSP/1.0\r\n${'X: y\r\n'.repeat(4000)}`,
    'broken: body-size': request('CSeq: 1', 'Content-Length: 999999999'),
    'broken: line-size': request(`X: ${'y'.repeat(5000)}`, 'CSeq: 1'),
    'broken: line-count': request(...Array<string>(100).fill('X: y'), 'CSeq: 1'),
    'broken: content-length': request('CSeq: 1', 'Content-Length: -1'),
    'control-character': request('CSeq: 1', 'X: a\rb'),
    'start-line': 'OPTIONS /room RTSP/1.0\r\nCSeq: 1\r\n\r\n',
    version: 'OPTIONS rtsp://h/room RTSP/2.0\r\nCSeq: 1\r\n\r\n',
    'header-line': request('CSeq: 1', ' folded'),
    'header-missing': request('X: y'),
    'header-twice': request('CSeq: 1', 'CSeq: 2'),
    'header-malformed': request('CSeq: one'),
  };
  for (const [reason, text] of Object.entries(refusals))
    it(`refuses ${reason}`, () => assert.equal(reasonOf(text), reason));

  it('has a test of each of its reasons', () => {
    const tested = Object.keys(refusals).map((one) => one.replace('broken: ', ''));
    assert.deepEqual([...tested].sort(), [...RTSP_REASONS].sort());
  });

  it('refuses two lengths, and goes on after what only one message was wrong in', () => {
    assert.equal(
      reasonOf(request('CSeq: 1', 'Content-Length: 1', 'Content-Length: 1')),
      'broken: header-twice',
    );
    const { told } = read([bytes(request('CSeq: 7', 'X: a\rb') + request('CSeq: 8'))]);
    const [bad, good] = told;
    assert.ok(bad && 'verdict' in bad && !bad.verdict.ok && bad.verdict.cseq === 7);
    assert.ok(good && 'verdict' in good && good.verdict.ok);
  });

  it('holds no more of a head without an end than a head can have', () => {
    const { told } = read(Array.from({ length: 1000 }, () => bytes('OPTIONS '.repeat(100))));
    assert.equal(told.length, 1);
  });
});
