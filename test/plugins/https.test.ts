// Keys and sessions over HTTPS (protocol.md 2), on node:https, fastify and express, with real TLS and real media: what is answered, who
// may ask, what is refused and leaves nothing behind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createPlainServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { inspect } from 'node:util';
import express from 'express';
import fastify from 'fastify';
import { createLatchkey } from '../../lib/index.js';
import type { Latchkey } from '../../lib/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type { DistributionServer } from '../../lib/server/index.js';
import { parseCallUri } from '../../lib/sip/index.js';
import { HttpsClient } from '../../lib/phone/https-client.js';
import { fetchKey } from '../../lib/phone/https-request.js';
import { Terminal } from '../../lib/phone/terminal.js';
import { openSignalling } from '../../lib/cli/signalling-client.js';
import { latchHttps } from '../../plugins/https/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { LatchHttps, LatchHttpsOptions } from '../../plugins/https/index.js';
import { until } from '../cli/callee.js';
import { createCertificate, sip } from '../plugins/sip-phones.js';
import { findLeak } from '../support/secrecy.js';
import { sdpFor } from '../net/call.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const closers: (() => unknown)[] = [];
const REQUEST = {
  version: 1,
  tag: 'Xk3pQ7vT0aLm',
  secret: '9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI',
  suites: ['HMAC-SHA-256', 'AES-256'],
  room: 'tea',
  media: [{ kind: 'audio' }],
};

/** Alice has a token; nobody else may ask, and only she may end what is hers. */
const mayAsk: LatchHttpsOptions['mayAsk'] = ({ token, owner }) => {
  const asker = token === 'alice-1' ? 'alice' : token === 'bob-1' ? 'bob' : undefined;
  return owner === undefined || owner === asker ? asker : undefined;
};

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}

interface AskOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

async function listen(handler: Handler): Promise<number> {
  const { key, cert } = await createCertificate();
  const server = createServer({ key, cert }, handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function ask(
  port: number,
  path: string,
  { token = 'alice-1', body, method = 'POST', headers }: AskOptions = {},
) {
  return new Promise<Reply>((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    const asking = request(
      {
        host: '127.0.0.1',
        ...{ port, path, method, rejectUnauthorized: false, agent: false },
        headers: {
          ...(token !== '' && { Authorization: `Bearer ${token}` }),
          ...(method === 'POST' && { 'Content-Type': 'application/json' }),
          ...headers,
        },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (piece: string) => (answer += piece));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: (answer === '' ? {} : JSON.parse(answer)) as Record<string, unknown>,
          }),
        );
      },
    );
    asking.on('error', reject);
    asking.end(method === 'POST' ? text : undefined);
  });
}

async function startRooms(): Promise<{ server: DistributionServer; latchkey: Latchkey }> {
  const latchkey = createLatchkey({ policy: 'require' });
  const server = createDistributionServer({ latchkey, media: { kind: 'shared', port: 'auto' } });
  await server.start();
  closers.push(
    () => server.close({ graceMs: 100 }),
    () => latchkey.close(),
  );
  return { server, latchkey };
}

async function startSessions(
  options: Partial<LatchHttpsOptions> = {},
): Promise<{ https: LatchHttps; port: number; server: DistributionServer }> {
  const { server, latchkey } = await startRooms();
  const https = latchHttps({
    mayAsk,
    sessions: {
      latchkey,
      join: (room, session) => (room === 'nowhere' ? undefined : server.seat(room, session)),
    },
    ...options,
  });
  closers.push(() => https.close());
  return { https, server, port: await listen(https.handler) };
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('keys over HTTPS (protocol.md 2)', () => {
  it('are handed out with a name, an end and a Location, and deleted', async () => {
    const https = latchHttps({ mayAsk });
    const port = await listen(https.handler);
    const { status, headers, body } = await ask(port, '/latch/v1/keys');
    assert.equal(status, 201);
    assert.match(String(body['kid']), /^[A-Za-z0-9_-]{22}$/);
    assert.equal(headers.location, `/latch/v1/keys/${String(body['kid'])}`);
    assert.equal(headers['cache-control'], 'no-store');
    const key = Buffer.from(String(body['key']), 'base64url');
    assert.equal(key.length, 32);
    assert.ok(Math.abs(Date.parse(String(body['expires'])) - Date.now() - 3_600_000) < 60_000);
    assert.deepEqual(Buffer.from(https.findKey(String(body['kid'])) ?? []), key);
    assert.ok(!inspect(https, { depth: 9, showHidden: true }).includes(String(body['key'])));
    assert.equal((await ask(port, headers.location, { method: 'DELETE' })).status, 204);
    assert.equal(https.findKey(String(body['kid'])), undefined);
    assert.equal((await ask(port, headers.location, { method: 'DELETE' })).status, 404);
  });

  it('make a call over clear signalling good, which outlives them', async () => {
    const https = latchHttps({ mayAsk });
    const { body } = await ask(await listen(https.handler), '/latch/v1/keys');
    const servers = createLatchkey({ policy: 'require', findKey: https.findKey });
    const clients = createLatchkey();
    closers.push(
      () => servers.close(),
      () => clients.close(),
    );
    const client = clients.createSession({ role: 'prover', signalling: 'clear' });
    client.addKey(String(body['kid']), Buffer.from(String(body['key']), 'base64url'));
    const server = servers.createSession({ signalling: 'clear' });
    const offer = client.setLocal(sdpFor('10.0.0.1', 4000));
    assert.deepEqual(server.setRemote(offer), { accepted: true });
    assert.deepEqual(client.setRemote(server.setLocal(sdpFor('192.0.2.1', 5000))), { accepted: true });
    https.close();
    assert.deepEqual(server.setRemote(client.setLocal(sdpFor('10.0.0.1', 4000))), { accepted: true });
    assert.equal(https.findKey(String(body['kid'])), undefined);
  });

  it('are bounded for each asker and in all, and room is made when they expire', async () => {
    const https = latchHttps({ mayAsk, keys: { maxPerAsker: 2, max: 3, lifetimeMs: 300 } });
    const port = await listen(https.handler);
    const status = async (token: string) => (await ask(port, '/latch/v1/keys', { token })).status;
    assert.deepEqual([await status('alice-1'), await status('alice-1')], [201, 201]);
    const refused = await ask(port, '/latch/v1/keys');
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '60']);
    assert.deepEqual([await status('bob-1'), await status('bob-1')], [201, 429]);
    await new Promise((resolve) => setTimeout(resolve, 350));
    assert.equal(await status('alice-1'), 201);
    assert.equal(https.counters.keys, 1);
  });
});

describe('sessions over HTTPS (protocol.md 2)', () => {
  it('are a call with no SIP at all: one request, then media both ways, and a DELETE ends it', async () => {
    const { server, port, https } = await startSessions({
      mayAsk: ({ authorization }) =>
        authorization === `Basic ${Buffer.from('alice:tea?').toString('base64')}` ? 'alice' : undefined,
    });
    const parsed = parseCallUri(`https://127.0.0.1:${port}/echo`);
    assert.ok(parsed.ok);
    const terminal = new Terminal({
      openSignalling: (options) => Promise.resolve(new HttpsClient(options)),
      uri: parsed.uri,
      credentials: { user: 'alice', password: 'tea?' },
      isInsecure: true,
    });
    closers.push(() => terminal.hangUp());
    const answered = await terminal.answered;
    assert.equal(answered.suite, 'HMAC-SHA-256');
    await until(() => terminal.summary.received > 10);
    assert.ok(terminal.summary.verified);
    assert.equal(server.snapshot().rooms[0]?.name, 'echo');
    assert.equal(https.counters.sessions, 1);
    await terminal.hangUp();
    await until(() => https.counters.sessions === 0 && server.snapshot().rooms.length === 0);
  });

  it('give each of several streams its tag, secret and word, and take the formats that both have', async () => {
    const { port } = await startSessions();
    const media = [
      { kind: 'audio', formats: [{ payloadType: 96, encoding: 'opus/48000/2' }] },
      { kind: 'video', formats: [{ payloadType: 97, encoding: 'VP8/90000' }] },
    ];
    const { status, body, headers } = await ask(port, '/latch/v1/sessions', { body: { ...REQUEST, media } });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body['tag'], undefined);
    const streams = body['media'] as Record<string, unknown>[];
    assert.deepEqual(
      streams.map(({ kind, formats }) => ({ kind, formats })),
      media,
    );
    assert.equal(new Set(streams.map(({ tag }) => tag)).size, 2);
    assert.ok(
      streams.every(({ address, port: rtp, rtcpPort }) => address === '127.0.0.1' && rtp !== rtcpPort),
    );
    assert.match(String(headers.location), /^\/latch\/v1\/sessions\/[A-Za-z0-9_-]{22}$/);
  });

  it('whose tag is in use are refused, a replay among them; afterwards it is free', async () => {
    const { port, https } = await startSessions();
    const first = await ask(port, '/latch/v1/sessions', { body: REQUEST });
    assert.equal(first.status, 201);
    assert.equal((await ask(port, '/latch/v1/sessions', { body: REQUEST })).status, 400);
    assert.equal(https.counters.sessions, 1);
    assert.equal((await ask(port, String(first.headers.location), { method: 'DELETE' })).status, 204);
    assert.equal((await ask(port, '/latch/v1/sessions', { body: REQUEST })).status, 201);
  });

  it('are refused, and leave no session, seat or tag, where something is wrong', async () => {
    const { port, https, server } = await startSessions();
    const wrong: [string, object, number][] = [
      ['no version', { ...REQUEST, version: 2 }, 400],
      ['a tag with a line end', { ...REQUEST, tag: 'Xk3pQ7vT0aLm\r\na=x' }, 400],
      ['a short secret', { ...REQUEST, secret: 'abc' }, 400],
      ['unused bits in the secret', { ...REQUEST, secret: `${'A'.repeat(42)}B` }, 400],
      ['no suite of ours', { ...REQUEST, suites: ['ROT-13'] }, 400],
      ['a suite with a comma', { ...REQUEST, suites: ['AES-256,x'] }, 400],
      ['an encoding with a line end', media([{ payloadType: 0, encoding: 'PCMU/8000\r\na=x' }]), 400],
      ['no codec of ours', media([{ payloadType: 96, encoding: 'ILBC/8000' }]), 400],
      ['no media', { ...REQUEST, media: [] }, 400],
      ['no such room', { ...REQUEST, room: 'nowhere' }, 404],
    ];
    for (const [what, body, status] of wrong) {
      const reply = await ask(port, '/latch/v1/sessions', { body });
      assert.equal(reply.status, status, what);
      assert.equal(reply.headers['content-type'], 'application/problem+json', what);
      assert.equal(reply.body['status'], status, what);
      assert.ok(!JSON.stringify(reply.body).includes(REQUEST.secret), what);
    }
    assert.equal(https.counters.sessions, 0);
    assert.deepEqual(server.snapshot().rooms, []);
    assert.equal(server.latchkey.sessions.size, 0);
    assert.equal((await ask(port, '/latch/v1/sessions', { body: REQUEST })).status, 201);
  });

  it('end at their lifetime, and their ports are free again', async () => {
    const { server, latchkey } = await startRooms();
    const join = (room: string, session: Parameters<typeof server.seat>[1]) => server.seat(room, session);
    const https = latchHttps({ mayAsk, sessions: { latchkey, join, lifetimeMs: 200, max: 1 } });
    closers.push(() => https.close());
    const port = await listen(https.handler);
    assert.equal((await ask(port, '/latch/v1/sessions', { body: REQUEST })).status, 201);
    const other = { ...REQUEST, tag: 'anotherTag1' };
    assert.equal((await ask(port, '/latch/v1/sessions', { body: other })).status, 429);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal((await ask(port, '/latch/v1/sessions', { body: other })).status, 201);
    assert.equal(server.snapshot().rooms.length, 1);
  });
});

function media(formats: object[]): object {
  return { ...REQUEST, media: [{ kind: 'audio', formats }] };
}

describe('requests over HTTPS that are refused', () => {
  it('who may not ask gets 401, and does not learn what there is', async () => {
    const { port, https } = await startSessions();
    const made = await ask(port, '/latch/v1/keys');
    for (const path of ['/latch/v1/keys', '/latch/v1/sessions']) {
      for (const token of ['', 'expired']) {
        const { status, headers } = await ask(port, path, { token, body: REQUEST });
        assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer realm="latchkey"']);
      }
    }
    for (const path of [String(made.headers.location), '/latch/v1/keys/unknown']) {
      assert.equal((await ask(port, path, { token: '', method: 'DELETE' })).status, 401);
    }
    assert.equal(
      (await ask(port, String(made.headers.location), { token: 'bob-1', method: 'DELETE' })).status,
      401,
    );
    assert.equal(https.counters.keys, 1);
    assert.deepEqual(https.counters.problems, { 401: 7 });
  });

  it('a body that is too large gets 413, announced or not, one that is no JSON 400, one that does not come 408', async () => {
    const https = latchHttps({ mayAsk, maxBodyBytes: 100, bodyTimeoutMs: 100 });
    const port = await listen(https.handler);
    const body = `{"a":"${'x'.repeat(200)}"}`;
    const announced = { 'Content-Length': String(body.length) };
    assert.equal((await ask(port, '/latch/v1/keys', { body, headers: announced })).status, 413);
    assert.equal(
      (await ask(port, '/latch/v1/keys', { body, headers: { 'Transfer-Encoding': 'chunked' } })).status,
      413,
    );
    for (const text of ['{', 'nothing', '[1]', '{"a":1}', '"x"'])
      assert.equal((await ask(port, '/latch/v1/keys', { body: text })).status, 400, text);
    const slow = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    slow.write(
      'POST /latch/v1/keys HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer alice-1\r\nContent-Length: 50\r\n\r\n{',
    );
    const [data] = (await once(slow, 'data')) as [Buffer];
    assert.match(String(data), /^HTTP\/1\.1 408 [\s\S]*Connection: close/i);
    slow.destroy();
    assert.equal(https.counters.keys, 0);
  });

  it('too many from one source get 429 with Retry-After, before anybody is asked', async () => {
    let asked = 0;
    const https = latchHttps({
      mayAsk: () => {
        asked++;
        return undefined;
      },
      requestsPerMinute: 3,
    });
    const port = await listen(https.handler);
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await ask(port, '/latch/v1/keys')).status);
    assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
    assert.equal(asked, 3);
  });

  it('unknown paths and methods get 404 and 405, a rule of the application that throws 500 and a fault', async () => {
    const faults: unknown[] = [];
    const https = latchHttps({
      mayAsk: () => {
        throw new Error('the data base is away');
      },
      onFault: (error) => faults.push(error),
    });
    const port = await listen(https.handler);
    for (const path of ['/', '/latch/v1/sessions', '/latch/v1/other', '/latch/v1/keys/a/b'])
      assert.equal((await ask(port, path)).status, 404, path);
    const wrong = await ask(port, '/latch/v1/keys', { method: 'PUT' });
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'POST']);
    const failed = await ask(port, '/latch/v1/keys');
    assert.equal(failed.status, 500);
    assert.ok(!JSON.stringify(failed.body).includes('data base'));
    assert.equal(faults.length, 1);
  });

  it('without TLS nothing is served, but behind a proxy that is named and says that there was TLS', async () => {
    const statusesOf = async (https: LatchHttps) => {
      const server = createPlainServer(https.handler).listen(0, '127.0.0.1');
      await once(server, 'listening');
      closers.push(() => server.close());
      const { port } = server.address() as AddressInfo;
      const statuses = [];
      for (const headers of [{}, { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.9' }]) {
        const reply = await fetch(`http://127.0.0.1:${port}/latch/v1/keys`, {
          method: 'POST',
          body: '{}',
          headers: { Authorization: 'Bearer alice-1', ...headers } as Record<string, string>,
        });
        statuses.push(reply.status);
      }
      return statuses;
    };
    assert.deepEqual(await statusesOf(latchHttps({ mayAsk })), [400, 400]);
    assert.deepEqual(await statusesOf(latchHttps({ mayAsk, tlsProxies: ['127.0.0.0/8'] })), [400, 201]);
  });

  it('options that are unknown or wrong throw by their name', () => {
    for (const [options, name] of [
      [{}, 'mayAsk'],
      [{ mayAsk, maxBodyByte: 1 }, 'maxBodyByte'],
      [{ mayAsk, keys: { lifetime: 1 } }, 'lifetime'],
      [{ mayAsk, keys: { max: 0 } }, 'keys.max'],
      [{ mayAsk, sessions: { join: () => undefined } }, 'sessions.latchkey'],
      [{ mayAsk, tlsProxies: ['everywhere'] }, 'tlsProxies'],
    ] as [unknown, string][]) {
      assert.throws(
        () => latchHttps(options as LatchHttpsOptions),
        (error: Error & { code?: string }) =>
          error.code === 'LATCHKEY_OPTION' && error.message.includes(name),
        name,
      );
    }
  });
});

describe('the handler in a framework', () => {
  it('fastify', async () => {
    const https = latchHttps({ mayAsk });
    const { key, cert } = await createCertificate();
    const app = fastify({ https: { key: key ?? '', cert: cert ?? '' } });
    app.route({
      method: ['POST', 'DELETE'],
      url: '/latch/v1/*',
      // Before fastify reads the body.
      onRequest: ({ raw: incoming }, reply) => {
        reply.hijack();
        https.handler(incoming, reply.raw);
      },
      handler: () => undefined,
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    closers.push(() => app.close());
    const { port } = app.server.address() as AddressInfo;
    const made = await ask(port, '/latch/v1/keys');
    assert.equal(made.status, 201);
    assert.equal((await ask(port, String(made.headers.location), { method: 'DELETE' })).status, 204);
  });

  for (const isParsed of [false, true]) {
    it(`express${isParsed ? ', where express.json() has read the body' : ''}`, async () => {
      const https = latchHttps({ mayAsk });
      const app = express();
      if (isParsed) app.use(express.json());
      app.use('/calls/latch/v1', https.handler);
      const port = await listen(app);
      const made = await ask(port, '/calls/latch/v1/keys');
      assert.equal(made.status, 201);
      assert.equal(made.headers.location, `/calls/latch/v1/keys/${String(made.body['kid'])}`);
      assert.equal((await ask(port, made.headers.location, { method: 'DELETE' })).status, 204);
    });
  }
});

describe('a key that a phone fetches', () => {
  it('is what a call over plain UDP is latched by, and stands in no event and in nothing that prints', async () => {
    const https = latchHttps({ mayAsk: ({ authorization }) => authorization });
    const port = await listen(https.handler);
    const trust = { isInsecure: true, credentials: { user: 'alice', password: 'tea?' } };
    const namedKey = await fetchKey(`https://127.0.0.1:${port}/whatever`, trust);
    const asked: string[] = [];
    const server = createDistributionServer({
      latchkey: {
        policy: 'require',
        findKey: (kid) => {
          asked.push(kid);
          return https.findKey(kid);
        },
      },
      signalling: (latchkey) => latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8'] }),
      listen: { udp: 'auto' },
      media: { kind: 'shared', port: 'auto' },
    });
    const { sip: at } = await server.start();
    closers.push(() => server.close({ graceMs: 100 }));
    const parsed = parseCallUri(`sip:echo@127.0.0.1:${at.UDP?.port ?? 0};transport=udp`);
    assert.ok(parsed.ok);
    const texts: string[] = [];
    const terminal = new Terminal({
      openSignalling: (options) => openSignalling(options),
      uri: parsed.uri,
      namedKey,
    });
    closers.push(() => terminal.hangUp());
    server.on('latch', (event) => texts.push(inspect(event)));
    const { kind } = await terminal.answered;
    assert.equal(kind, 'latch');
    await until(() => terminal.summary.received > 10 && terminal.summary.verified);
    assert.deepEqual(asked, [namedKey.kid]);
    const secrets = new Map([['the key', namedKey.key]]);
    assert.equal(
      findLeak([...texts, inspect(server, { depth: 12 }), inspect(terminal, { depth: 12 })], secrets),
      undefined,
    );
  });

  it('is asked of the server alone that was named, and a refusal is told in a line', async () => {
    const https = latchHttps({ mayAsk: () => undefined });
    const port = await listen(https.handler);
    await assert.rejects(
      fetchKey(`https://127.0.0.1:${port}`, { isInsecure: true }),
      /refused with 401: you may not/,
    );
    await assert.rejects(fetchKey(`https://127.0.0.1:${port}`, {}), /self-signed certificate/);
    await assert.rejects(fetchKey('https://127.0.0.1:1', {}), /ECONNREFUSED/);
  });
});
