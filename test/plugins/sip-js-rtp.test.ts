// The RTP handler of the sip.js plugin: its descriptions as text, and two of them with real sockets back to back, prover
// and verifier. No SIP here.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import type { Session } from 'sip.js';
import { createLatchkey, parseSdp } from '../../lib/index.js';
import type { Latchkey, SdpMedia } from '../../lib/index.js';
import { createRtpSessionDescriptionHandlerFactory } from '../../plugins/sip-js/index.js';
import type { RtpFormat, RtpMedia, RtpOptions } from '../../plugins/sip-js/index.js';
import { answerDirection, readAnswer, readOffer } from '../../plugins/sip-js/rtp-description.js';
import { Refusal } from '../../plugins/sip-js/refusal.js';
import { until } from '../net/sockets.js';
import { sdp } from './sip-phones.js';

const PCMU = { payloadType: 0, codec: 'PCMU/8000' };
const OPUS = { payloadType: 111, codec: 'opus/48000/2', fmtp: 'useinbandfec=1' };
const EVENT = { payloadType: 101, codec: 'telephone-event/8000' };
const taking = (...formats: RtpFormat[]) => ({ formats, makesKeys: false });

const session = {
  state: 'Initial',
  stateChange: { addListener: () => undefined },
  userAgent: {
    transport: { server: 'wss://sip.example' },
    getLoggerFactory: () => ({ genericLog: () => undefined }),
  },
} as unknown as Session;

function rtp(ssrc: number, sequence = 1): Buffer {
  const packet = Buffer.alloc(20, 0x80);
  packet.writeUInt16BE(0x8000, 0);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

/** An empty receiver report. */
function rtcp(ssrc: number): Buffer {
  const packet = Buffer.from('80c9000100000000', 'hex');
  packet.writeUInt32BE(ssrc, 4);
  return packet;
}

function audioOf(text: string): SdpMedia {
  const parsed = parseSdp(text);
  assert.ok(parsed.ok);
  const audio = parsed.value.media.find(({ kind }) => kind === 'audio');
  assert.ok(audio);
  return audio;
}

class Phone {
  readonly latchkey: Latchkey = createLatchkey();
  readonly heard: Buffer[] = [];
  readonly handler;
  readonly media: RtpMedia;

  constructor(options: Partial<RtpOptions> = {}) {
    let media: RtpMedia | undefined;
    const onMedia = (made: RtpMedia) => (media = made);
    const { latchkey } = this;
    const factory = createRtpSessionDescriptionHandlerFactory({
      latchkey,
      address: '127.0.0.1',
      onMedia,
      ...options,
    });
    this.handler = factory(session);
    assert.ok(media);
    this.media = media;
    media.on('packet', (bytes) => this.heard.push(bytes));
  }

  async describe(options: object = {}): Promise<string> {
    return (await this.handler.getDescription(options)).body;
  }

  close(): void {
    this.handler.close();
    this.latchkey.close();
  }
}

describe('sip-js: descriptions of one audio stream', () => {
  it('reads an offer: the formats that both have, under its numbers', () => {
    const offer = sdp().replace('AVP 0', 'AVP 96 8 0 97') + 'a=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 x=1\r\n';
    const { formats, direction, isRtcpMux } = readOffer(offer, taking(PCMU, OPUS));
    assert.deepEqual(formats, [
      { payloadType: 96, codec: 'opus/48000/2', fmtp: 'x=1' },
      { payloadType: 0, codec: 'PCMU/8000' },
    ]);
    assert.deepEqual([direction, isRtcpMux], ['sendrecv', false]);
  });

  it('takes the first audio that it can, and no other section', async () => {
    const lines =
      'm=video 4000 RTP/AVP 96\r\na=mid:v\r\nm=audio 4002 RTP/SAVP 0\r\nm=audio 4004 RTP/AVPF 0\r\na=mid:a\r\n';
    const phone = new Phone();
    await phone.handler.setDescription(sdp().replace(/m=audio[^]*$/, lines));
    const answer = parseSdp(await phone.describe());
    assert.ok(answer.ok);
    const sections = answer.value.media.map(({ kind, protocol, isRejected, mid }) => [
      kind,
      protocol,
      isRejected,
      mid,
    ]);
    assert.deepEqual(sections, [
      ['video', 'RTP/AVP', true, 'v'],
      ['audio', 'RTP/SAVP', true, undefined],
      ['audio', 'RTP/AVPF', false, 'a'],
    ]);
    // RFC 3264 section 8: later offers keep them.
    const again = parseSdp(await phone.describe({ hold: true }));
    assert.ok(again.ok);
    assert.deepEqual(
      again.value.media.map(({ kind, isRejected }) => [kind, isRejected]),
      sections.map(([kind, , isRejected]) => [kind, isRejected]),
    );
    phone.close();
  });

  const refused: readonly [string, string, number][] = [
    ['no SDP', 'hello', 400],
    ['no audio', sdp().replace('m=audio', 'm=video'), 488],
    ['port 0', sdp().replace('m=audio 40000', 'm=audio 0'), 488],
    ['another profile', sdp().replace('RTP/AVP', 'RTP/SAVP'), 488],
    ['other codecs', sdp().replace('AVP 0', 'AVP 18'), 488],
    ['events alone', `${sdp().replace('AVP 0', 'AVP 101')}a=rtpmap:101 telephone-event/8000\r\n`, 488],
  ];
  const layout = { sections: [{ kind: 'audio', protocol: 'RTP/AVP', formats: ['0'] }], audio: 0 };
  for (const [what, text, status] of refused)
    it(`refuses ${what}: ${status}`, () => {
      const isRefusal = (error: unknown) => error instanceof Refusal && error.status === status;
      assert.throws(() => readOffer(text, taking(PCMU, EVENT)), isRefusal);
      if (what !== 'no audio') assert.throws(() => readAnswer(text, layout, taking(PCMU, EVENT)), isRefusal);
    });

  it('refuses an answer with other sections than the offer', () => {
    assert.throws(() => readAnswer(`${sdp()}m=video 4000 RTP/AVP 96\r\n`, layout, taking(PCMU)), Refusal);
  });

  it('whatever an offer says, it is read or refused', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', sdp()), (noise, head) => {
        try {
          readOffer(head + noise, taking(PCMU));
        } catch (error) {
          assert.ok(error instanceof Refusal);
        }
      }),
    );
  });

  const directions: readonly [SdpMedia['direction'], SdpMedia['direction'], SdpMedia['direction']][] = [
    ['sendrecv', 'sendrecv', 'sendrecv'],
    ['sendrecv', 'sendonly', 'recvonly'],
    ['sendrecv', 'recvonly', 'sendonly'],
    ['sendrecv', 'inactive', 'inactive'],
    ['sendonly', 'sendrecv', 'sendonly'],
    ['sendonly', 'recvonly', 'sendonly'],
    ['sendonly', 'sendonly', 'inactive'],
  ];
  for (const [ours, theirs, agreed] of directions)
    it(`${ours} beside ${theirs} is ${agreed}`, () => assert.equal(answerDirection(ours, theirs), agreed));

  it('an address of 0.0.0.0 is a hold', () => {
    assert.equal(readOffer(sdp(4000, '0.0.0.0'), taking(PCMU)).direction, 'sendonly');
  });

  it('raises its version when, and only when, the text changes', async () => {
    const phone = new Phone();
    const versions = [];
    for (const options of [{}, {}, { hold: true }, { hold: true }, {}]) {
      versions.push(Number(/^o=- \d+ (\d+) /m.exec(await phone.describe(options))?.[1]));
      await phone.handler.rollbackDescription();
    }
    assert.deepEqual(versions, [1, 1, 2, 2, 3]);
    phone.close();
  });

  it('modifiers of the application see its text, without a key', async () => {
    const phone = new Phone();
    const seen: string[] = [];
    const modifier = (description: { sdp?: string }) => {
      seen.push(description.sdp ?? '');
      return Promise.resolve({ sdp: `${description.sdp}a=x-mine\r\n` });
    };
    const { body } = await phone.handler.getDescription({}, [modifier as never]);
    assert.match(body, /^a=x-mine\r\na=latch:1 /m);
    assert.doesNotMatch(seen.join(''), /a=latch/);
    phone.close();
  });
});

describe('sip-js: RTP on sockets', () => {
  let caller: Phone;
  let callee: Phone;

  beforeEach(() => {
    caller = new Phone();
    callee = new Phone({ role: 'verifier' });
  });
  afterEach(() => {
    caller.close();
    callee.close();
  });

  async function exchange(
    from: Phone,
    to: Phone,
    options = {},
    edit = (text: string) => text,
  ): Promise<string[]> {
    const offer = edit(await from.describe(options));
    await to.handler.setDescription(offer);
    const answer = await to.describe();
    await from.handler.setDescription(answer);
    return [offer, answer];
  }

  async function isHeard(from: Phone, to: Phone, packet: Buffer): Promise<void> {
    await until(() => {
      from.media.send(packet);
      return to.heard.some((bytes) => bytes.equals(packet));
    });
  }

  it('prover and verifier: media both ways on one port each, verified', async () => {
    const verified = once(callee.media.latch, 'verified');
    const [offer = '', answer = ''] = await exchange(caller, callee);
    assert.ok(audioOf(offer).rtcpMux && audioOf(answer).rtcpMux);
    await verified;
    assert.equal(callee.media.latch.protection, 'direct');
    await isHeard(caller, callee, rtp(1));
    await isHeard(callee, caller, rtp(2));
    await isHeard(caller, callee, rtcp(3));
    await isHeard(callee, caller, rtcp(4));
    for (const { media } of [caller, callee]) assert.equal(media.localRtcp, undefined);
    assert.deepEqual(caller.media.negotiation?.formats[0], PCMU);
  });

  it('a stranger is not heard', async () => {
    await exchange(caller, callee);
    await isHeard(caller, callee, rtp(1));
    const { dropped } = callee.media.latch.counters;
    const stranger = createSocket('udp4');
    await new Promise((resolve) => {
      stranger.send(rtp(666), callee.media.local?.port ?? 0, '127.0.0.1', resolve);
    });
    await until(() => callee.media.latch.counters.dropped.unverified === dropped.unverified + 1);
    await isHeard(caller, callee, rtp(1, 2));
    assert.ok(!callee.heard.some((bytes) => bytes.equals(rtp(666))));
    stranger.close();
  });

  it('hold and resume: the tags stay, and RTP stops towards the one who holds', async () => {
    const [offer = ''] = await exchange(caller, callee);
    await isHeard(callee, caller, rtp(1));
    const { noPath } = callee.media.latch.counters.dropped;
    const negotiated = once(callee.media, 'negotiated');
    const [hold = '', held = ''] = await exchange(caller, callee, { hold: true });
    assert.equal(audioOf(hold).direction, 'sendonly');
    assert.equal(audioOf(held).direction, 'recvonly');
    assert.equal(((await negotiated) as { direction: string }[])[0]?.direction, 'recvonly');
    assert.equal(callee.media.send(rtp(1)), false);
    assert.equal(callee.media.send(rtcp(1)), true);
    const [resume = ''] = await exchange(caller, callee);
    for (const later of [hold, resume]) assert.deepEqual(audioOf(later).latch, audioOf(offer).latch);
    await isHeard(callee, caller, rtp(1, 2));
    assert.equal(callee.media.latch.counters.dropped.noPath, noPath);
  });

  it('a re-offer that fails changes nothing, of either side', async () => {
    await exchange(caller, callee);
    await isHeard(callee, caller, rtp(1));
    await caller.describe({ hold: true });
    await caller.handler.rollbackDescription();
    assert.equal(caller.media.negotiation?.direction, 'sendrecv');
    await callee.handler.setDescription(await caller.describe({ hold: true }));
    await callee.handler.rollbackDescription();
    await caller.handler.rollbackDescription();
    assert.equal(callee.media.negotiation?.direction, 'sendrecv');
    await assert.rejects(callee.handler.setDescription(sdp().replace('AVP 0', 'AVP 18')));
    await isHeard(callee, caller, rtp(1, 2));
    await exchange(callee, caller);
    await isHeard(callee, caller, rtp(1, 3));
  });

  it('where the peer knows no rtcp-mux, RTCP has a port of its own', async () => {
    const withoutMux = (text: string) => text.replace('a=rtcp-mux\r\n', '');
    const [offer = '', answer = ''] = await exchange(caller, callee, {}, withoutMux);
    assert.equal(audioOf(offer).rtcp.port, caller.media.localRtcp?.port);
    assert.equal(audioOf(answer).rtcpMux, false);
    assert.equal(audioOf(answer).rtcp.port, callee.media.localRtcp?.port);
    await isHeard(caller, callee, rtp(1));
    await isHeard(caller, callee, rtcp(2));
    await isHeard(callee, caller, rtcp(3));
  });

  it('the formats of each side meet, under the offerer’s numbers', async () => {
    caller.close();
    callee.close();
    caller = new Phone({ formats: [OPUS, PCMU, EVENT] });
    callee = new Phone({ formats: [{ payloadType: 96, codec: 'opus/48000/2' }] });
    await exchange(caller, callee);
    assert.deepEqual(callee.media.negotiation?.formats, [OPUS]);
    assert.equal(caller.media.negotiation?.formats[0]?.payloadType, 111);
  });

  it('speaks IPv6', async () => {
    caller.close();
    caller = new Phone({ address: '::1' });
    callee.close();
    callee = new Phone({ address: '::1', role: 'verifier' });
    const [offer = ''] = await exchange(caller, callee);
    assert.match(offer, /^c=IN IP6 ::1\r$/m);
    await isHeard(caller, callee, rtp(1));
  });

  it('sends nothing before there is an agreement, nor after the end, and lets go of its ports', async () => {
    assert.equal(caller.media.send(rtp(1)), false);
    await exchange(caller, callee);
    const closed = once(caller.media, 'close');
    caller.handler.close();
    await closed;
    caller.handler.close();
    assert.equal(caller.media.send(rtp(1)), false);
    assert.equal(caller.media.local, undefined);
    await assert.rejects(caller.describe());
    assert.equal(caller.handler.sendDtmf('1'), false);
  });
});
