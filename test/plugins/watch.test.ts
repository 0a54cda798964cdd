// The server of the watch page over real HTTP: who may see it, what it tells and what it keeps, by a server that does what the test says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import sinon from 'sinon';
import { createWatch } from '../../plugins/watch/index.js';
import type { Watch, WatchOptions } from '../../plugins/watch/index.js';
import type { FeedLine } from '../../plugins/watch/feed-types.js';
import { FakeServer, MAPPING } from './watch-server.js';

const TOKEN = 'a-token-of-the-tests';
const STRANGER = { address: '198.51.100.9', port: 666 };

describe('watch: the server of the page', () => {
  const watches: Watch[] = [];
  let clock: sinon.SinonFakeTimers;
  let server: FakeServer;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'], now: 1_800_000_000_000 });
    server = new FakeServer();
  });

  afterEach(async () => {
    await Promise.all(watches.splice(0).map((watch) => watch.close()));
    clock.restore();
  });

  async function start(options: Partial<WatchOptions> = {}): Promise<{ watch: Watch; port: number }> {
    const watch = createWatch({ server, token: TOKEN, ...options });
    watches.push(watch);
    return { watch, port: (await watch.start()).port };
  }

  function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      get({ port, path, headers, agent: false, host: '127.0.0.1' }, resolve).on('error', reject);
    });
  }

  const holder = { Authorization: `Bearer ${TOKEN}` };

  async function feed(
    port: number,
    room: string,
  ): Promise<{ line: (type: FeedLine['type']) => Promise<FeedLine> }> {
    const response = await ask(port, `/feed/${encodeURIComponent(room)}`, holder);
    assert.equal(response.statusCode, 200);
    const lines: FeedLine[] = [];
    let unread = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const whole = (unread + text).split('\n');
      unread = whole.pop() ?? '';
      lines.push(...whole.map((one) => JSON.parse(one) as FeedLine));
      response.emit('line');
    });
    const line = async (type: FeedLine['type']): Promise<FeedLine> => {
      for (;;) {
        const at = lines.findIndex((one) => one.type === type);
        const [found] = at < 0 ? [] : lines.splice(0, at + 1).slice(-1);
        if (found) return found;
        await once(response, 'line');
      }
    };
    return { line };
  }

  it('listens on loopback, and gives its page to anybody, with nothing inline and nothing from elsewhere', async () => {
    const { watch, port } = await start();
    assert.equal(watch.url, `http://127.0.0.1:${port}/#token=${TOKEN}`);
    for (const path of [
      '/',
      '/page.css',
      '/page.js',
      '/feed.js',
      '/lane.js',
      '/strip.js',
      '/words.js',
      '/video.js',
      '/key.svg',
    ]) {
      const response = await ask(port, path);
      assert.equal(response.statusCode, 200, path);
      const policy = String(response.headers['content-security-policy']);
      assert.match(policy, /^default-src 'none'; .*; script-src 'self'; .*; style-src 'self'$/);
      assert.ok(!policy.includes('unsafe'), policy);
      assert.equal(response.headers['x-content-type-options'], 'nosniff');
      let body = '';
      for await (const part of response.setEncoding('utf8')) body += part;
      assert.ok(body.length > 100 && !body.includes(TOKEN));
      if (path === '/') assert.doesNotMatch(body, /<script(?! type="module" src=)|<style|\son\w+=|\sstyle=/);
    }
    for (const path of ['/../options.js', '/%2e%2e/index.ts', '/page', '/feed', '//page.css'])
      assert.equal((await ask(port, path)).statusCode, 404, path);
  });

  it('tells nobody anything without the token, nor a page of somebody else’s with it; it counts them', async () => {
    const { watch, port } = await start();
    const refused = [
      [401, {}],
      [401, { Authorization: 'Bearer another-token-of-tests' }],
      [401, { Authorization: `Basic ${TOKEN}` }],
      [403, { ...holder, Origin: 'https://elsewhere.example' }],
      [403, { ...holder, Origin: 'null' }],
      [403, { ...holder, Origin: `http://127.0.0.1:${port + 1}` }],
      [403, { ...holder, 'Sec-Fetch-Site': 'cross-site' }],
      // A name that leads here is still somebody else's.
      [403, { ...holder, Origin: `http://rebound.example:${port}`, Host: `rebound.example:${port}` }],
    ] as const;
    for (const [status, headers] of refused) {
      const response = await ask(port, '/feed/', headers);
      assert.equal(response.statusCode, status, JSON.stringify(headers));
      assert.equal(response.headers['access-control-allow-origin'], undefined);
      assert.equal((await response.toArray()).length, 0);
    }
    assert.deepEqual(watch.counters.refused, { token: 3, origin: 5, full: 0 });
    const taken = [{}, { Origin: `http://127.0.0.1:${port}` }, { Origin: `http://localhost:${port}` }];
    for (const headers of taken)
      assert.equal((await ask(port, '/feed/', { ...holder, ...headers })).statusCode, 200);
    assert.deepEqual(watch.counters.refused, { token: 3, origin: 5, full: 0 });
    assert.equal(watch.counters.viewersSeen, 3);
  });

  it('a proxy in front of it is an origin that is told', async () => {
    const { port } = await start({ listen: { origins: ['https://meeting.example'] } });
    const proxied = { ...holder, Origin: 'https://meeting.example' };
    assert.equal((await ask(port, '/feed/', proxied)).statusCode, 200);
  });

  it('tells who is in the room, what proves it, and every half second what came, was lost and was refused', async () => {
    const { port } = await start();
    server.join('s1', 'blue', 'alice');
    const { line } = await feed(port, 'blue');
    const hello = await line('hello');
    assert.deepEqual(hello, {
      ...{ type: 'hello', at: Date.now(), room: 'blue', sampleMs: 500, windowMs: 60_000 },
      ...{ video: { isOn: false }, history: [{ id: 's1', name: '', samples: [] }], happenings: [] },
    });
    clock.tick(500);
    server.count('s1', 25, 0, 0);
    clock.tick(500);
    server.count('s1', 20, 5, 300);
    clock.tick(500);
    const joined = await line('happened');
    assert.ok(joined.type === 'happened');
    assert.deepEqual([joined.happening.kind, joined.happening.name], ['joined', 'alice']);
    const samples: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const now = await line('now');
      assert.ok(now.type === 'now');
      assert.deepEqual(now.rooms, [{ name: 'blue', people: 1 }]);
      const [person] = now.people;
      samples.push(person?.sample.slice(1));
      if (i < 2) continue;
      const { sample, ...rest } = person ?? assert.fail('nobody');
      assert.equal(sample[0], Date.now());
      assert.deepEqual(rest, {
        ...{ id: 's1', name: 'alice', protection: 'latch', nat: 'both', hasVideo: false, refused: 300 },
        ...{ signalled: '10.0.1.2:4000', mapping: '203.0.113.7:61234', strangers: [] },
      });
    }
    assert.deepEqual(samples, [
      [0, 0, 0],
      [25, 0, 0],
      [20, 5, 300],
    ]);
  });

  it('an address that proves nothing for two seconds is a stranger; one that proves itself is a rebinding', async () => {
    const { port } = await start();
    server.join('s1', 'blue', 'alice');
    clock.tick(500);
    const moved = { ...MAPPING, port: 61999 };
    server.latch('s1', 'candidate', STRANGER);
    server.latch('s1', 'candidate', moved);
    server.rebound('s1', MAPPING, moved);
    clock.tick(3000);
    const { line } = await feed(port, 'blue');
    const hello = await line('hello');
    assert.ok(hello.type === 'hello');
    const told = hello.happenings.map(({ kind, remote, previous, rttMs }) => [kind, remote, previous, rttMs]);
    assert.deepEqual(told, [
      ['joined', undefined, undefined, undefined],
      ['rebound', '203.0.113.7:61999', '203.0.113.7:61234', 2.4],
      ['stranger', '198.51.100.9:666', undefined, undefined],
    ]);
    const now = await line('now');
    assert.ok(now.type === 'now');
    assert.deepEqual(now.people[0]?.strangers, ['198.51.100.9:666']);
  });

  it('who is found by evidence is told of with the ground, and is no stranger', async () => {
    const { port } = await start();
    server.join('s1', 'blue', 'alice');
    clock.tick(500);
    server.latch('s1', 'candidate', STRANGER);
    server.locked('s1', 'home', STRANGER);
    clock.tick(3000);
    const { line } = await feed(port, 'blue');
    const hello = await line('hello');
    assert.ok(hello.type === 'hello');
    assert.deepEqual(
      hello.happenings.map(({ kind, remote, ground }) => [kind, remote, ground]),
      [
        ['joined', undefined, undefined],
        ['locked', '198.51.100.9:666', 'home'],
      ],
    );
    const now = await line('now');
    assert.ok(now.type === 'now');
    assert.deepEqual(now.people[0]?.strangers, []);
  });

  it('who is silent on hold is told of once, and again after having sent something', async () => {
    const { port } = await start();
    server.join('s1', 'blue', 'alice');
    for (let asked = 0; asked < 6; asked++) {
      if (asked === 3) server.count('s1', 1, 0, 0);
      clock.tick(10_000);
      server.latch('s1', 'silent', MAPPING);
    }
    const hello = await (await feed(port, 'blue')).line('hello');
    assert.ok(hello.type === 'hello');
    const kinds = hello.happenings.map(({ kind, at }) => [kind, hello.at - at]);
    assert.deepEqual(kinds.slice(1), [
      ['silent', 50_000],
      ['silent', 20_000],
    ]);
  });

  it('who sends over RTSP has no session, and is there with its name and its video all the same', async () => {
    server.carried = {
      sends: [{ ssrc: 1, channel: 'video', packets: 100, expected: 110, lost: 10, jitterMs: 1 }],
      reports: [],
    };
    server.enter({ session: undefined, call: 'rtsp-1', name: 'door', room: 'blue' });
    const { port } = await start();
    clock.tick(500);
    const now = await (await feed(port, 'blue')).line('now');
    assert.ok(now.type === 'now');
    assert.deepEqual(now.people, [
      {
        ...{ id: 'rtsp-1', name: 'door', protection: 'carried', hasVideo: true, refused: 0, strangers: [] },
        sample: [Date.now(), 0, 0, 0],
      },
    ]);
  });

  it('what came before the room was known is told when it is', async () => {
    const { port } = await start();
    server.rebound('s1', MAPPING, { ...MAPPING, port: 61999 });
    server.join('s1', 'blue');
    clock.tick(500);
    const hello = await (await feed(port, '')).line('hello');
    assert.ok(hello.type === 'hello');
    assert.deepEqual(
      hello.happenings.map(({ kind }) => kind),
      ['joined', 'rebound'],
    );
  });

  it('keeps a minute, and a bounded number of events, strangers, departed and rooms, whatever comes', async () => {
    const { port } = await start();
    server.join('s1', 'blue', 'alice');
    for (let i = 0; i < 1000; i++) {
      clock.tick(500);
      server.latch('s1', 'candidate', { ...STRANGER, port: i + 1 });
      server.latch('s1', 'conflict', STRANGER);
      server.join(`guest ${i}`, 'blue');
      server.leave(`guest ${i}`, 'blue');
    }
    clock.tick(500);
    const { line } = await feed(port, 'blue');
    const hello = await line('hello');
    assert.ok(hello.type === 'hello');
    assert.equal(hello.happenings.length, 200);
    assert.ok(hello.history.length <= 22, `${hello.history.length}`);
    assert.equal(hello.history.find(({ id }) => id === 's1')?.samples.length, 120);
    const now = await line('now');
    assert.ok(now.type === 'now' && (now.people[0]?.strangers.length ?? 9) <= 4);
    for (let i = 0; i < 1000; i++) server.join(`r${i}`, `room ${i}`);
    clock.tick(500);
    const later = await line('now');
    assert.ok(later.type === 'now');
    assert.equal(later.rooms.length, 500);
    server.calls = [];
    server.legs.clear();
    clock.tick(70_000);
    const empty = await (await feed(port, 'blue')).line('hello');
    assert.ok(empty.type === 'hello');
    assert.deepEqual([empty.history, empty.happenings], [[], []]);
  });

  it('of more than fifty participants it looks at those whom somebody watches, and at no others', async () => {
    const { port } = await start();
    for (let i = 0; i < 51; i++) server.join(`s${i}`, i === 0 ? 'blue' : 'red');
    const asked: string[] = [];
    const call = server.call.bind(server);
    server.call = (session) => {
      asked.push(session);
      return call(session);
    };
    clock.tick(5000);
    assert.deepEqual(asked, []);
    server.count('s0', 1000, 0, 0);
    const { line } = await feed(port, 'blue');
    clock.tick(500);
    server.count('s0', 25, 0, 0);
    clock.tick(500);
    assert.deepEqual(asked, ['s0', 's0']);
    const joined = await line('happened');
    assert.ok(joined.type === 'happened');
    assert.deepEqual([joined.happening.kind, joined.happening.name], ['joined', 's0']);
    const samples: unknown[] = [];
    while (samples.length < 2) {
      const now = await line('now');
      assert.ok(now.type === 'now');
      samples.push(...now.people.map(({ sample }) => sample[1]));
    }
    assert.deepEqual(samples, [0, 25], 'what came while nobody looked belongs to no moment');
  });

  it('one page more than it may have is told to come back, and may when another has gone', async () => {
    const { watch, port } = await start({ maxViewers: 1 });
    const first = await ask(port, '/feed/', holder);
    const second = await ask(port, '/feed/', holder);
    assert.deepEqual([second.statusCode, second.headers['retry-after']], [503, '10']);
    assert.equal(watch.counters.refused.full, 1);
    first.destroy();
    while (watch.counters.viewers > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await ask(port, '/feed/', holder)).statusCode, 200);
  });

  it('who does not read is let go, and counted; others go on', async () => {
    const { watch, port } = await start();
    server.join('s1', 'blue', 'alice');
    clock.tick(500);
    const slow = net.connect(port, '127.0.0.1');
    slow.write(`GET /feed/blue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await once(slow, 'readable');
    const { line } = await feed(port, 'blue');
    for (let i = 0; i < 40; i++) server.join(`s${i + 2}`, 'blue', 'n'.repeat(64));
    for (let i = 0; i < 2000 && watch.counters.dropped === 0; i++) {
      clock.tick(500);
      await line('now');
    }
    assert.equal(watch.counters.dropped, 1);
    slow.destroy();
    clock.tick(500);
    await line('now');
    assert.equal(watch.counters.viewers, 1);
  });

  it('says on every page that it has ended, and lets go of its port', async () => {
    const { watch, port } = await start();
    const { line } = await feed(port, '');
    await watch.close();
    assert.equal((await line('ended')).type, 'ended');
    await assert.rejects(ask(port, '/'), { code: 'ECONNREFUSED' });
    await assert.rejects(watch.start(), { code: 'LATCHKEY_CLOSED' });
    for (const name of ['latch', 'mismatch'] as const) assert.equal(server.listenerCount(name), 0, name);
    for (const name of ['joined', 'left'] as const) assert.equal(server.rooms.listenerCount(name), 0, name);
  });

  it('a port that is taken is an error with its number, and a defect of the server’s a fault', async () => {
    const { port } = await start();
    const second = createWatch({ server, listen: { port } });
    await assert.rejects(second.start(), {
      code: 'LATCHKEY_LISTEN',
      message: `watch ${port} cannot be had on 127.0.0.1 (EADDRINUSE)`,
    });
    const third = createWatch({ server });
    watches.push(third);
    const told = new Promise((resolve) => third.once('fault', resolve));
    const defect = new Error('a defect');
    server.join('s1', 'blue');
    server.call = () => {
      throw defect;
    };
    for (const watch of watches) watch.on('fault', () => undefined);
    clock.tick(500);
    assert.equal(await told, defect);
  });
});
