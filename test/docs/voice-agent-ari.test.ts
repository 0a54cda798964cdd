// The voice agent for ARI runs as it stands, against the package as it is built, between a stand-in for Asterisk and a local service.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { makeRtp } from '../support/media.js';
import { AriStandIn } from './ari-stand-in.js';
import type { MediaChannel } from './ari-stand-in.js';
import { Example } from './example-program.js';
import { VoiceService } from './voice-service.js';

const CALLER = '1700000000.42';
const SILENCE = 0xff;
/** Of PCMU, which Asterisk's tone has not. */
const LOUDEST = new Uint8Array(160);

describe('docs: voice-agent-ari.ts', function () {
  this.timeout(30_000);
  let asterisk: AriStandIn;
  let service: VoiceService;
  let agent: Example;
  const closers: (() => void)[] = [];

  async function start(options?: { readonly hasNoMedia: boolean }): Promise<void> {
    [asterisk, service] = await Promise.all([AriStandIn.start(options), VoiceService.start()]);
    agent = new Example('voice-agent-ari.ts', service.url, asterisk.url, '127.0.0.1');
    await agent.line(/^connected 127\.0\.0\.1$/m);
  }

  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await agent.stop();
    service.close();
    asterisk.close();
  });

  async function until(isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!isSo()) {
      if (performance.now() > deadline)
        throw new Error(`it did not come:\n${agent.output}${agent.errors}\n${asterisk.requests.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** A call in which both have heard each other. */
  async function call(): Promise<MediaChannel> {
    asterisk.call(CALLER);
    await until(() => asterisk.media.size === 1);
    const [channel] = asterisk.media.values();
    assert.ok(channel);
    await until(() => channel.heard.filter(({ bytes }) => isLoud(bytes)).length > 20);
    return channel;
  }

  it('the caller hears the service, the service the caller and his keys; when he hangs up nothing is left', async () => {
    await start();
    const channel = await call();
    assert.equal(
      agent.output.split('\n').find((line) => line.startsWith('locked')),
      `locked { address: '127.0.0.1', port: ${channel.port} }`,
    );
    const { bytes, from } = channel.heard[0]!;
    assert.deepEqual([bytes[1]! & 0x7f, bytes.length, from.port], [0, 172, channel.targetPort]);
    assert.deepEqual([...service.sizes.keys()], [320]);
    assert.deepEqual([...asterisk.bridges.values()], [[CALLER, ...asterisk.media.keys()]]);
    asterisk.press(CALLER, '5');
    await until(() => service.digits.length === 1);
    assert.deepEqual(service.digits, ['5']);
    asterisk.hangUp(CALLER);
    await until(() => asterisk.isEmpty && service.clients === 0);
    assert.equal(agent.errors, '');
    assert.equal(agent.child.exitCode, null);
  });

  it("a stranger's RTP to our port is not heard and gets nothing, also where it was there first", async () => {
    await start();
    const stranger = createSocket('udp4').bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    closers.push(() => stranger.close());
    let got = 0;
    stranger.on('message', () => got++);
    asterisk.call(CALLER);
    await until(() => asterisk.media.size === 1);
    const [channel] = asterisk.media.values();
    assert.ok(channel);
    let sent = 0;
    const timer = setInterval(() => {
      const fields = { ssrc: 0xbad, sequence: sent, timestamp: 160 * sent++, payload: LOUDEST };
      stranger.send(makeRtp(fields), channel.targetPort, '127.0.0.1');
    }, 10);
    closers.unshift(() => clearInterval(timer));
    await until(() => channel.heard.filter(({ bytes }) => isLoud(bytes)).length > 75);
    assert.ok(sent > 75);
    assert.equal(got, 0);
    // The service repeats what it hears.
    const repeated = channel.heard.filter(({ bytes }) => bytes.subarray(12).includes(LOUDEST[0]!));
    assert.equal(repeated.length, 0);
  });

  it('hangs up when its service goes away, and when it has none', async () => {
    await start();
    await call();
    service.close();
    await until(() => asterisk.isEmpty);
    asterisk.call('1700000000.43');
    await until(() => asterisk.isEmpty);
    assert.ok(asterisk.requests.includes('DELETE channels/1700000000.43'));
    assert.equal(agent.child.exitCode, null, agent.errors);
  });

  it('hangs up where Asterisk has no media for it, and says why', async () => {
    await start({ hasNoMedia: true });
    asterisk.call(CALLER);
    await until(() => asterisk.isEmpty && service.clients === 0);
    assert.match(agent.errors, /POST channels\/externalMedia: 500 .*Allocation failed/);
    assert.ok(!asterisk.requests.includes('POST bridges'));
  });

  it('who hangs up while his call is made leaves nothing', async () => {
    await start();
    asterisk.call(CALLER);
    await until(() => asterisk.requests.includes('POST channels/externalMedia'));
    asterisk.hangUp(CALLER);
    await until(() => asterisk.media.size === 0 && service.clients === 0);
    await until(() => asterisk.isEmpty);
    assert.equal(agent.errors, '');
    assert.equal(agent.child.exitCode, null);
  });

  it('a SIGTERM hangs up, leaves nothing in Asterisk, and ends it', async () => {
    await start();
    await call();
    agent.child.kill('SIGTERM');
    assert.equal(await agent.ended, 0, agent.errors);
    assert.ok(asterisk.isEmpty);
    assert.equal(service.clients, 0);
    assert.equal(agent.errors, '');
  });

  it('ends when Asterisk does', async () => {
    await start();
    await call();
    asterisk.close();
    await agent.ended;
    assert.equal(service.clients, 0);
  });
});

function isLoud(packet: Uint8Array): boolean {
  return packet.subarray(12).some((octet) => octet !== SILENCE);
}
