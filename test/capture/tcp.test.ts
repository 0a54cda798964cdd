import assert from 'node:assert/strict';
import { concat, hex } from './bytes.js';
import type { SegmentFields } from './packets.js';
import { hear, rawCapture, tcp, text } from './packets.js';

const body = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';
const invite = sip('INVITE sip:bob@example.net SIP/2.0', `Content-Length: ${body.length}`, body);
const bye = sip('BYE sip:bob@example.net SIP/2.0', 'l : 0');
const ok = sip('SIP/2.0 200 OK', 'CONTENT-LENGTH:0');

function sip(start: string, length: string, content = ''): Uint8Array {
  return text(start, 'Via: SIP/2.0/TCP 192.0.2.1', 'Call-ID: 1', length, '', content);
}

const first = (bytes: string) => bytes.split(/\r?\n/, 1)[0];

/** The start lines heard in segments, and what was skipped. */
function listen(segments: readonly SegmentFields[], timesMs: readonly number[] = []) {
  const heard = hear(rawCapture(segments.map(tcp), timesMs));
  return { ...heard, lines: heard.sip.map((message) => first(message.text)), skipped: heard.skipped };
}

/** Segments of one direction with these data, from a SYN on. */
function inOrder(...data: readonly Uint8Array[]): SegmentFields[] {
  let sequence = 2 ** 32 - 20;
  const segments: SegmentFields[] = [{ sequence: sequence - 1, isOpening: true }];
  for (const one of data) {
    segments.push({ sequence, data: one });
    sequence += one.length;
  }
  return segments;
}

function split(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}

const [INVITE, BYE, OK] = [invite, bye, ok].map((bytes) => first(Buffer.from(bytes).toString('latin1')));
const stream = concat(invite, hex('0d0a0d0a'), bye, hex('0d0a'), ok);

describe('capture: SIP over TCP', () => {
  it('gives whole messages with time, addresses and text', () => {
    const heard = listen([...inOrder(invite), { sequence: 5, data: ok, back: true, acknowledged: 1 }]);
    const client = { address: '192.0.2.1', port: 40_000 };
    const server = { address: '203.0.113.1', port: 5060 };
    const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
    assert.deepEqual(heard.sip, [
      { timeMs: 1, frame: 2, source: client, destination: server, transport: 'tcp', text: latin1(invite) },
      { timeMs: 2, frame: 3, source: server, destination: client, transport: 'tcp', text: latin1(ok) },
    ]);
    assert.deepEqual([heard.packets, heard.skipped], [3, { 'tcp-empty': 1 }]);
  });

  it('frames by Content-Length at every size of segment, over the wrap of the sequence number', () => {
    for (let size = 1; size <= stream.length; size++) {
      const { lines, sip } = listen(inOrder(...split(stream, size)));
      assert.deepEqual(lines, [INVITE, BYE, OK], `${size}`);
      assert.equal(sip[0]!.text, Buffer.from(invite).toString('latin1'));
    }
  });

  it('puts segments in order that came in any', () => {
    const [opening, ...data] = inOrder(...split(stream, 40));
    const mixed = data.map((_, i) => data[(i * 5) % data.length]!);
    assert.equal(new Set(mixed).size, data.length);
    assert.deepEqual(listen([opening!, ...mixed]).lines, [INVITE, BYE, OK]);
    assert.deepEqual(listen([opening!, ...data.toReversed()]).lines, [INVITE, BYE, OK]);
  });

  it('leaves out what is repeated, whole, in part and overlapping', () => {
    const [opening, ...data] = inOrder(...split(stream, 50));
    const twice = listen([opening!, opening!, ...data.flatMap((one) => [one, one])]);
    assert.deepEqual(twice.lines, [INVITE, BYE, OK]);
    assert.equal(twice.skipped['tcp-repeat'], data.length);
    const start = data[0]!.sequence;
    const overlapping = Array.from({ length: Math.ceil(stream.length / 20) }, (_, i) => ({
      sequence: start + i * 20,
      data: stream.subarray(i * 20, i * 20 + 90),
    }));
    assert.deepEqual(listen([opening!, ...overlapping]).lines, [INVITE, BYE, OK]);
    assert.deepEqual(listen([opening!, ...overlapping.toReversed()]).lines, [INVITE, BYE, OK]);
  });

  it('begins in mid stream at the next start line', () => {
    // Cut in the method's name, it would still be a message with another method.
    for (let at = 'INVITE'.length; at < invite.length; at++) {
      const rest = [{ sequence: 77, data: stream.subarray(at) }];
      assert.deepEqual(listen(rest).lines, [BYE, OK], `from ${at}`);
    }
  });

  it('is not misled by a message inside the body of one whose beginning is lost', () => {
    const fragment = 'SIP/2.0 100 Trying\r\n';
    const notify = sip('NOTIFY sip:a@example.net SIP/2.0', `Content-Length: ${fragment.length}`, fragment);
    for (let at = 'NOTIFY'.length; at < notify.length; at++)
      assert.deepEqual(
        listen([{ sequence: 1, data: concat(notify.subarray(at), bye) }]).lines,
        [BYE],
        `${at}`,
      );
  });

  it('gives up a gap that the receiver has acknowledged, and goes on behind it', () => {
    const [opening, , ...later] = inOrder(invite, bye, ok);
    const acknowledgement = { sequence: 9, back: true, acknowledged: later[1]!.sequence + ok.length };
    const heard = listen([opening!, ...later, acknowledgement, { ...later[1]!, sequence: 300 }]);
    assert.deepEqual(heard.lines.slice(0, 2), [BYE, OK]);
    assert.deepEqual(
      heard.sip.slice(0, 2).map(({ timeMs }) => timeMs),
      [1, 2],
    );
  });

  it('gives up a gap after three seconds, and at the end of the capture', () => {
    const [opening, , second, third] = inOrder(invite, bye, ok);
    const late = listen(
      [opening!, second!, third!, { sequence: 1, back: true, data: hex('0d0a') }],
      [0, 1, 3500, 3600],
    );
    assert.deepEqual(late.lines, [BYE, OK]);
    assert.deepEqual(listen([opening!, second!]).lines, [BYE]);
  });

  it('loses one message with a missing segment, not the next', () => {
    const pieces = split(stream, 30);
    for (let missing = 0; missing < pieces.length; missing++) {
      const segments = inOrder(...pieces).filter((_, i) => i !== missing + 1);
      const { lines } = listen(segments);
      const [from, to] = [missing * 30, missing * 30 + pieces[missing]!.length];
      const kept = [
        [INVITE, 0, invite.length],
        [BYE, invite.length + 4, invite.length + 4 + bye.length],
        [OK, invite.length + 6 + bye.length, stream.length],
      ].filter(([, start, end]) => to <= Number(start) || from >= Number(end));
      assert.deepEqual(
        lines,
        kept.map(([line]) => line),
        `segment ${missing}`,
      );
    }
  });

  it('keeps two connections apart that use the same ports one after the other', () => {
    const [opening, half] = inOrder(invite.subarray(0, 50));
    const next = [
      { sequence: 5000, isOpening: true },
      { sequence: 5001, data: bye },
    ];
    assert.deepEqual(listen([opening!, half!, ...next]).lines, [BYE]);
    const far = { sequence: 2 ** 31 - 5, data: ok };
    assert.deepEqual(listen([opening!, half!, far]).lines, [OK]);
  });

  for (const [what, bad] of [
    ['a Content-Length that is no number', sip('INVITE sip:a@b SIP/2.0', 'Content-Length: many')],
    [
      'a Content-Length past any message',
      sip('INVITE sip:a@b SIP/2.0', 'Content-Length: 99999999999999999999'),
    ],
    ['no Content-Length and yet a body', sip('INVITE sip:a@b SIP/2.0', 'Subject: x', body)],
    ['binary data between messages', Uint8Array.from({ length: 300 }, (_, i) => i)],
    ['a line without an end', text('INVITE ' + 'x'.repeat(9000), '')],
    [
      'a header without an end',
      text('INVITE sip:a@b SIP/2.0', `Subject: ${'x\r\nSubject: '.repeat(30_000)}`, ''),
    ],
  ] as const)
    it(`goes on behind ${what}`, () => {
      const { lines } = listen(inOrder(ok, ...split(concat(bad, hex('0d0a'), bye), 1000), ok));
      assert.deepEqual([lines[0], ...lines.slice(-2)], [OK, BYE, OK]);
    });

  it('takes lines that end in a line feed alone', () => {
    const loose = Buffer.from(invite).toString('latin1').replaceAll('\r\n', '\n');
    const short = loose.replace(String(body.length), String(body.length - 2));
    assert.deepEqual(listen(inOrder(new TextEncoder().encode(short), bye)).lines, [INVITE, BYE]);
  });

  it('counts TLS, seen from its beginning or not, and looks no further', () => {
    const hello = concat(hex('1603010200 010001fc0303'), new Uint8Array(100), bye);
    assert.deepEqual(listen(inOrder(hello, hello)).skipped, { 'tcp-empty': 1, tls: 2 });
    const record = concat(hex('1703030040'), new Uint8Array(64));
    const heard = listen([{ sequence: 1, data: record }]);
    assert.deepEqual([heard.lines, heard.skipped], [[], { tls: 1 }]);
  });

  it('counts connections that carry no SIP, and stops to search them after 64 KiB', () => {
    const web = text('HTTP/1.1 200 OK', 'Content-Length: 5', '', 'hello');
    assert.deepEqual(listen(inOrder(web, web)).skipped, { 'tcp-empty': 1, 'tcp-other': 2 });
    const noise = new Uint8Array(1400).fill(0x3e);
    const much = Array.from({ length: 50 }, () => noise);
    assert.deepEqual(listen(inOrder(...much, bye)).lines, []);
    assert.deepEqual(listen(inOrder(...much.slice(0, 40), hex('0d0a'), bye)).lines, [BYE]);
  });

  it('holds no more than its bounds of ten thousand connections that never become whole', function () {
    this.timeout(20_000);
    const head = concat(
      text('INVITE sip:a@b SIP/2.0', 'Content-Length: 60000', '', ''),
      new Uint8Array(7000),
    );
    const packets: Uint8Array[] = [];
    for (let i = 0; i < 10_000; i++) {
      const packet = tcp({ sequence: 1, data: head });
      packet.set([10, 0, i >> 8, i & 255], 12);
      packets.push(packet);
    }
    packets.push(...inOrder(bye).map(tcp));
    const file = rawCapture(packets);
    global.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    const heard = hear(file, 1 << 20);
    const most = process.memoryUsage().arrayBuffers - before;
    assert.equal(heard.sip.length, 1);
    assert.ok(most < 200e6, `${most} bytes`);
  });
});
