import assert from 'node:assert/strict';
import { maybeSip, parseSipMessage } from '../../lib/capture/sip-message.js';

const parse = (...lines: readonly string[]) => parseSipMessage(Buffer.from(lines.join('\r\n'), 'latin1'));
const SDP = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'm=audio 4000 RTP/AVP 0', ''].join('\r\n');

describe('capture: SIP messages', () => {
  it('reads compact names, folded lines, many values, and the parameters of the header only', () => {
    const message = parse(
      'INVITE sip:bob@example.com;tag=no SIP/2.0',
      'v: SIP/2.0/UDP a;branch=z9hG4bK1 , SIP/2.0/UDP b;branch=z9hG4bK2',
      'f: "A; tag=quoted" <sip:alice@example.com;tag=inner>',
      '  ;x=1;tag=outer',
      't: sip:bob@example.com;tag=plain',
      'i: id@host',
      'CSeq:  7   invite',
      '',
      '',
    );
    assert.deepEqual(message, {
      method: 'INVITE',
      status: undefined,
      reason: '',
      callId: 'id@host',
      from: { uri: 'sip:alice@example.com;tag=inner', tag: 'outer' },
      to: { uri: 'sip:bob@example.com', tag: 'plain' },
      sequence: 7,
      branch: 'z9hG4bK1',
      sdp: undefined,
      body: 'none',
      isCut: false,
    });
  });

  it('takes a response for what its CSeq asks', () => {
    const message = parse('SIP/2.0 183 Session Progress', 'CSeq: 1 INVITE', 'Call-ID: x', '', '');
    assert.deepEqual(
      [message?.method, message?.status, message?.reason],
      ['INVITE', 183, 'Session Progress'],
    );
  });

  it('passes over junk before the start line, and takes bare line feeds', () => {
    assert.equal(parse('', '', 'junk', '\0\x01BYE sip:a@b SIP/2.0', 'Call-ID: x', '', '')?.method, 'BYE');
    assert.equal(parseSipMessage(Buffer.from('BYE sip:a@b SIP/2.0\nCall-ID: x\n\n'))?.callId, 'x');
  });

  it('an SDP survives a Content-Length that is no number or wrong, and ends where another message begins', () => {
    for (const length of ['bad', '0', '5', '99999', String(SDP.length)])
      assert.equal(parse('INVITE sip:a@b SIP/2.0', `Content-Length: ${length}`, '', SDP)?.sdp, SDP, length);
    const two = parse('INVITE sip:a@b SIP/2.0', `l: ${SDP.length}`, '', `${SDP}BYE sip:a@b SIP/2.0`, '', '');
    assert.equal(two?.sdp, SDP);
  });

  it('finds the SDP in a body of parts', () => {
    const message = parse(
      'INVITE sip:a@b SIP/2.0',
      'Content-Type: multipart/mixed;boundary=x',
      '',
      '--x',
      'Content-Type: application/sdp',
      '',
      `${SDP}--x`,
      'Content-Type: text/plain',
      '',
      'v=0',
      '--x--',
    );
    assert.equal(message?.sdp, SDP);
  });

  it('of a message that was cut short, says what can be said: never a part of a line', () => {
    const whole = [
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/UDP a;branch=z9hG4bK1',
      'From: <sip:a@b>;tag=caller',
      'To: <sip:b@b>;tag=callee',
      'Call-ID: id@host',
      'CSeq: 10 INVITE',
      'Content-Type: application/sdp',
      `Content-Length: ${SDP.length}`,
      '',
      SDP,
    ].join('\r\n');
    const seen = new Set<string>();
    for (let size = 0; size < whole.length; size++) {
      const message = parseSipMessage(Buffer.from(whole.slice(0, size), 'latin1'), true);
      if (!message) continue;
      const { callId, from, to, sequence, body, sdp = '', isCut } = message;
      for (const [value, right] of [
        [callId, 'id@host'],
        [from.tag, 'caller'],
        [to.tag, 'callee'],
        [String(sequence || ''), '10'],
      ] as const)
        assert.ok(value === '' || value === right, `${value} at ${size}`);
      assert.ok(isCut);
      // The port is whole, or not there.
      assert.ok(!sdp.includes('m=') || sdp.includes('m=audio 4000 '), sdp);
      seen.add(body);
    }
    assert.deepEqual([...seen], ['unknown', 'description']);
    const without = whole
      .replace(/Content-Length: \d+/, 'Content-Length: 0')
      .replace(/Content-Type.*\r\n/, '');
    assert.equal(parseSipMessage(Buffer.from(without.slice(0, without.indexOf('v=0'))), true)?.body, 'none');
  });

  it('refuses what is none', () => {
    for (const text of ['', 'GET / HTTP/1.1', 'SIP/2.0 99 Low', 'SIP/2.0 700 High', 'INVITE sip:a@b SIP/3.0'])
      assert.equal(parse(text, '', ''), undefined, text);
    assert.equal(maybeSip(new Uint8Array(1000)), false);
    assert.equal(maybeSip(new Uint8Array(3)), false);
  });
});
