// Who may call, end to end: real sockets on every transport, callers that write every byte and hash by themselves, and what is left
// of those who are not let in.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Latchkey } from '../../lib/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import type {
  DistributionServer,
  DistributionServerEvents,
  DistributionServerOptions,
  Listening,
} from '../../lib/server/index.js';
import { parseUsers, writeUser } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { until } from '../cli/callee.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { createCertificate, sip } from '../plugins/sip-phones.js';

type Protocol = 'UDP' | 'TCP' | 'TLS' | 'WS' | 'WSS';
const PROTOCOLS: readonly Protocol[] = ['UDP', 'TCP', 'TLS', 'WS', 'WSS'];
const closers: (() => unknown)[] = [];

function usersOf(...rooms: string[]) {
  const user = { name: 'alice', realm: 'latchkey', algorithm: 'SHA-256' as const, password: 'open sesame' };
  const text = writeUser('', 'alice', 'latchkey', { ...user, rooms: rooms.length > 0 ? rooms : undefined });
  const parsed = parseUsers(text, 'latchkey');
  assert.ok(parsed.ok);
  return parsed.users;
}

interface Scene {
  readonly server: DistributionServer;
  readonly at: Listening['sip'];
  readonly rejected: DistributionServerEvents['rejected'][0][];
}

async function start(options: DistributionServerOptions, ...protocols: Protocol[]): Promise<Scene> {
  const ports = Object.fromEntries(protocols.map((protocol) => [protocol.toLowerCase(), 'auto']));
  const isSecure = protocols.some((protocol) => protocol === 'TLS' || protocol === 'WSS');
  const server = createDistributionServer({
    signalling: (latchkey) => latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8'] }),
    media: { kind: 'shared', port: 'auto' },
    ...options,
    listen: { ...ports, ...(isSecure && (await createCertificate())), ...options.listen },
  });
  const rejected: Scene['rejected'] = [];
  server.on('rejected', (call) => rejected.push(call));
  const { sip: at } = await server.start();
  closers.push(() => server.close({ graceMs: 100 }));
  return { server, at, rejected };
}

/** A caller: sends texts, and has every message that came, whole. */
interface Caller {
  readonly protocol: Protocol;
  readonly messages: string[];
  readonly send: (text: string) => void;
}

function collect(messages: string[]): (data: Buffer | string) => void {
  return (data) => messages.push(...String(data).split(/(?=^SIP\/2\.0 \d|^BYE )/m));
}

async function dial(
  protocol: Protocol,
  at: Listening['sip'],
  certificate: { key?: string; cert?: string; origin?: string } = {},
): Promise<Caller> {
  const { address, port } = at[protocol] ?? assert.fail(`nothing listens for ${protocol}`);
  const messages: string[] = [];
  const onData = collect(messages);
  const { origin, ...pem } = certificate;
  switch (protocol) {
    case 'UDP': {
      const socket = dgram.createSocket('udp4').bind(0, address);
      await once(socket.on('message', onData), 'listening');
      closers.push(() => socket.close());
      return { protocol, messages, send: (text) => socket.send(text, port, address) };
    }
    case 'TCP':
    case 'TLS': {
      const isTls = protocol === 'TLS';
      const stream = isTls
        ? tls.connect({ port, host: address, rejectUnauthorized: false, ...pem })
        : net.connect(port, address);
      closers.push(() => stream.destroy());
      await once(stream.on('data', onData), isTls ? 'secureConnect' : 'connect');
      return { protocol, messages, send: (text) => stream.write(text) };
    }
    case 'WS':
    case 'WSS': {
      const options = { rejectUnauthorized: false, ...pem, ...(origin !== undefined && { origin }) };
      const socket = new WebSocket(`${protocol.toLowerCase()}://${address}:${port}`, 'sip', options);
      closers.push(() => socket.terminate());
      socket.on('message', (data) => onData(data as Buffer));
      await once(socket, 'open');
      return { protocol, messages, send: (text) => socket.send(text) };
    }
  }
}

let calls = 0;

interface Request {
  readonly method?: string;
  readonly room?: string;
  readonly seq?: number;
  readonly toTag?: string;
  readonly branch?: string;
  readonly lines?: readonly string[];
}

class Call {
  readonly id = `call-${++calls}@test`;
  readonly sdp = [
    ...['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
    ...['m=audio 9 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', ''],
  ].join('\r\n');

  constructor(readonly caller: Caller) {}

  text({ method = 'INVITE', room = 'tea', seq = 1, toTag, branch, lines = [] }: Request = {}): string {
    const body = method === 'INVITE' ? this.sdp : '';
    return [
      `${method} sip:${room}@127.0.0.1 SIP/2.0`,
      `Via: SIP/2.0/${this.caller.protocol} 127.0.0.1:9;rport;branch=${branch ?? `z9hG4bK${this.id}-${seq}`}`,
      'Max-Forwards: 70',
      `From: <sip:alice@127.0.0.1>;tag=from-${this.id}`,
      `To: <sip:${room}@127.0.0.1>${toTag === undefined ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${this.id}`,
      `CSeq: ${seq} ${method}`,
      'Contact: <sip:alice@127.0.0.1:9>',
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      ...lines,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
  }

  /** The final response to this CSeq. */
  async ask(request: Request = {}): Promise<string> {
    const { messages, send } = this.caller;
    const { method = 'INVITE', seq = 1 } = request;
    const from = messages.length;
    send(this.text(request));
    const isFinal = (text: string) =>
      /^SIP\/2\.0 [2-6]/.test(text) && text.includes(`${seq} ${method}`) && text.includes(this.id);
    await until(() => messages.slice(from).some(isFinal));
    const response = messages.slice(from).find(isFinal) ?? '';
    if (method === 'INVITE')
      this.caller.send(this.text({ ...request, method: 'ACK', toTag: tagOf(response) }));
    return response;
  }
}

const statusOf = (response: string): number => Number(response.slice(8, 11));
const tagOf = (response: string): string => /^To:.*;tag=([^;\r\n]+)/im.exec(response)?.[1] ?? '';

/** RFC 7616 with SHA-256, written down a second time. */
function authorize(response: string, password = 'open sesame', room = 'tea', nc = '00000001'): string {
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  const challenge = /^WWW-Authenticate: *Digest (.*)$/im.exec(response)?.[1] ?? '';
  const valueOf = (name: string) => new RegExp(`${name}="?([^",]+)`).exec(challenge)?.[1] ?? '';
  assert.equal(valueOf('algorithm'), 'SHA-256');
  const [realm, nonce, uri] = [valueOf('realm'), valueOf('nonce'), `sip:${room}@127.0.0.1`];
  const answer = sha(
    [sha(`alice:${realm}:${password}`), nonce, nc, 'c1', 'auth', sha(`INVITE:${uri}`)].join(':'),
  );
  return (
    `Authorization: Digest username="alice", realm="${realm}", nonce="${nonce}", uri="${uri}",` +
    ` response="${answer}", algorithm=SHA-256, qop=auth, nc=${nc}, cnonce="c1"`
  );
}

describe('server: who may call', () => {
  let restore: () => void;
  before(() => (restore = unrefLongTimers()));
  after(() => restore());
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  for (const protocol of PROTOCOLS)
    it(`${protocol}: a user is challenged, and nothing is kept of that; then let in, and hangs up unasked`, async () => {
      const { server, at } = await start({ admission: { users: usersOf() } }, protocol);
      const call = new Call(await dial(protocol, at));
      const first = await call.ask();
      assert.equal(statusOf(first), 401);
      assert.notEqual(tagOf(first), '');
      assert.equal(server.latchkey.sessions.size, 0);
      assert.deepEqual(server.snapshot().calls, []);

      const wrong = await call.ask({ seq: 2, lines: [authorize(first, 'guess')] });
      assert.equal(statusOf(wrong), 401);
      const accepted = await call.ask({ seq: 3, lines: [authorize(wrong)] });
      assert.equal(statusOf(accepted), 200);
      assert.deepEqual(server.counters.admission, { admitted: 1, challenged: 2, wrong: 1, refused: 0 });
      assert.equal(server.snapshot().rooms[0]?.name, 'tea');

      const again = new Call(call.caller);
      const replayed = await again.ask({ lines: [authorize(wrong)] });
      assert.equal(statusOf(replayed), 401, 'credentials count once');
      assert.equal(server.latchkey.sessions.size, 1);
      const bye = await call.ask({ method: 'BYE', seq: 4, toTag: tagOf(accepted) });
      assert.equal(statusOf(bye), 200);
    });

  it('a repetition of an INVITE that was let in is no replay', async () => {
    const { server, at } = await start({ admission: { users: usersOf() } }, 'UDP');
    const call = new Call(await dial('UDP', at));
    const authorization = authorize(await call.ask());
    const accepted = await call.ask({ seq: 2, lines: [authorization] });
    const repeated = await call.ask({ seq: 2, lines: [authorization] });
    assert.deepEqual([statusOf(accepted), statusOf(repeated)], [200, 200]);
    assert.equal(tagOf(accepted), tagOf(repeated));
    assert.equal(server.latchkey.sessions.size, 1);
  });

  it('the same INVITE twice gets the same To tag, and an INVITE with a forged To tag is no way in', async () => {
    const { server, at } = await start({ admission: { users: usersOf() } }, 'UDP');
    const call = new Call(await dial('UDP', at));
    assert.equal(tagOf(await call.ask()), tagOf(await call.ask()));
    assert.equal(statusOf(await call.ask({ seq: 2, toTag: 'forged' })), 481);
    assert.equal(server.latchkey.sessions.size, 0);
  });

  it('CANCEL and OPTIONS are not challenged', async () => {
    const { at } = await start({ admission: { users: usersOf() } }, 'UDP');
    const call = new Call(await dial('UDP', at));
    await call.ask();
    assert.equal(statusOf(await call.ask({ method: 'CANCEL' })), 481);
    assert.equal(statusOf(await call.ask({ method: 'OPTIONS', seq: 2 })), 200);
  });

  it('a user is let into the rooms of its own; another room is 403, told of once a second', async () => {
    const { server, at, rejected } = await start({ admission: { users: usersOf('tea') } }, 'UDP');
    for (let i = 0; i < 3; i++) {
      const call = new Call(await dial('UDP', at));
      const first = await call.ask({ room: 'board' });
      const second = await call.ask({
        room: 'board',
        seq: 2,
        lines: [authorize(first, 'open sesame', 'board')],
      });
      assert.equal(statusOf(second), 403);
      assert.match(second, /^Warning: 399 latchkey "this user may not call this room"$/im);
    }
    assert.equal(rejected.length, 1);
    assert.deepEqual(rejected[0]?.status, 403);
    assert.equal(server.counters.admission.refused, 3);
  });

  it('no credentials are in what the server tells and shows', async () => {
    const told: unknown[] = [];
    const signalling = (latchkey: Latchkey) =>
      latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8'] }).on(
        'received',
        ({ headers }) => void told.push(headers['authorization']),
      );
    const options = { signalling, admission: { users: usersOf('tea') } };
    const { server, at, rejected } = await start(options, 'UDP');
    for (const name of ['session', 'answered', 'joined', 'latch', 'fault'] as const)
      server.on(name, (event: unknown) => void told.push(event));
    const call = new Call(await dial('UDP', at));
    const authorization = authorize(await call.ask());
    await call.ask({ seq: 2, lines: [authorization] });
    // What a caller calls himself in From is for people, and no credential.
    const snapshot = JSON.stringify(server.snapshot()).replace('"name":"alice"', '');
    const shown = JSON.stringify([told, rejected]) + snapshot;
    const response = /response="(\w+)"/.exec(authorization)?.[1] ?? '';
    const nonce = /nonce="([^"]+)"/.exec(authorization)?.[1] ?? '';
    assert.ok(response.length === 64 && nonce !== '');
    for (const secret of [response, nonce, usersOf().get('alice')?.ha1 ?? '?', 'alice'])
      assert.ok(!shown.includes(secret));
  });

  it('who stands in front of a signalling that asks nobody is judged all the same', async () => {
    const server = createDistributionServer({
      signalling: (latchkey) => {
        const own = latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8'] });
        const listen = own.listen.bind(own);
        own.listen = (options, onArrival) => listen({ ...options, doorkeeper: undefined }, onArrival);
        return own;
      },
      media: { kind: 'shared', port: 'auto' },
      listen: { udp: 'auto' },
      admission: { trunks: ['192.0.2.0/24'] },
    });
    const { sip: at } = await server.start();
    closers.push(() => server.close({ graceMs: 100 }));
    assert.equal(statusOf(await new Call(await dial('UDP', at)).ask()), 403);
    assert.deepEqual(server.snapshot().rooms, []);
    assert.equal(server.latchkey.sessions.size, 0);
  });

  it("a carrier's range is let in without a password", async () => {
    const admission = { users: usersOf(), trunks: ['127.0.0.0/8'] };
    const { at } = await start({ admission }, 'UDP');
    assert.equal(statusOf(await new Call(await dial('UDP', at)).ask()), 200);
  });

  it('a flood of wrong credentials and of none costs no memory', async function () {
    this.timeout(60_000);
    const { server, at } = await start({ admission: { users: usersOf() } }, 'TCP');
    const call = new Call(await dial('TCP', at));
    const { messages } = call.caller;
    const guess = authorize(await call.ask(), 'guess');
    let sent = 1;
    const flood = async (count: number) => {
      for (let i = 0; i < count; i += 100) {
        for (let j = 0; j < 100; j++) {
          const branch = `z9hG4bKflood-${++sent}`;
          call.caller.send(call.text({ seq: sent, branch, lines: sent % 2 === 0 ? [guess] : [] }));
        }
        await until(() => server.counters.admission.challenged >= sent);
      }
      messages.length = 0;
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const warm = await flood(2000);
    const after = await flood(6000);
    assert.equal(server.counters.admission.wrong, 4000);
    assert.equal(server.latchkey.sessions.size, 0);
    // A transaction of the package, which it keeps for 32 s, is some 4 KB: 24 MB of 6000.
    assert.ok(after - warm < 4e6, `grew by ${after - warm} bytes`);
  });

  describe('by certificate', () => {
    const own = () => createCertificate([{ type: 2, value: 'phone.example' }]);

    for (const protocol of ['TLS', 'WSS'] as const)
      it(`${protocol}: who shows one of the authority's may call; without, or with another's, nobody connects`, async () => {
        const phone = await own();
        const { server, at } = await start({ listen: { clientCa: phone.cert } }, protocol, 'UDP');
        assert.equal(statusOf(await new Call(await dial(protocol, at, phone)).ask()), 200);
        assert.equal(server.counters.admission.admitted, 1);
        for (const certificate of [{}, await own()]) assert.ok(await isTurnedAway(protocol, at, certificate));
        assert.equal(statusOf(await new Call(await dial('UDP', at)).ask()), 403);
        assert.equal(server.latchkey.sessions.size, 1);
      });
  });

  describe('taken up while the server listens', () => {
    const own = () => createCertificate([{ type: 2, value: 'phone.example' }]);

    for (const protocol of ['TLS', 'WSS'] as const)
      it(`${protocol}: other authorities: calls go on, but who was trusted begins none, over an open connection either`, async () => {
        const [old, young] = [await own(), await own()];
        const { server, at } = await start({ listen: { clientCa: old.cert } }, protocol);
        const connection = await dial(protocol, at, old);
        const call = new Call(connection);
        assert.equal(statusOf(await call.ask()), 200);
        server.renew({ clientCa: `${old.cert}\n${young.cert}` });
        assert.equal(statusOf(await new Call(connection).ask()), 200, 'still vouched for');
        server.renew({ clientCa: young.cert });
        assert.equal(statusOf(await new Call(connection).ask()), 403);
        assert.ok(await isTurnedAway(protocol, at, old));
        assert.equal(statusOf(await new Call(await dial(protocol, at, young)).ask()), 200);
        assert.equal(server.latchkey.sessions.size, 3, 'the calls go on');
      });

    it('other users, carriers and origins, all or nothing', async () => {
      const { server, at } = await start({ admission: { users: usersOf() } }, 'UDP', 'WS');
      const status = async () => statusOf(await new Call(await dial('UDP', at)).ask());
      assert.equal(await status(), 401);
      for (const wrong of [
        { admission: { trunks: ['127.0.0.0'] }, origins: ['https://phone.example'] },
        { cert: 'x' },
        { clientCa: 'x' },
        { udp: 5060 } as never,
      ])
        assert.throws(() => server.renew(wrong), { code: 'LATCHKEY_OPTION' });
      assert.equal(await status(), 401);
      server.renew({ admission: { trunks: ['127.0.0.0/8'] } });
      assert.equal(await status(), 200);
      server.renew({ admission: 'anybody' });
      assert.equal(await status(), 200);
      const { admitted, challenged } = server.counters.admission;
      assert.deepEqual([admitted, challenged], [2, 2], 'what was counted stays');
    });
  });

  it('a WebSocket of a page is refused unless its origin is allowed; who names none is no browser', async () => {
    const origins = ['https://phone.example'];
    const { server, at } = await start({ admission: 'anybody', listen: { origins } }, 'WS');
    await assert.rejects(dial('WS', at, { origin: 'https://evil.example' }), /403/);
    await assert.rejects(dial('WS', at, { origin: 'null' }), /403/);
    assert.equal(server.counters.faults['origin'], 2);
    assert.equal(
      statusOf(await new Call(await dial('WS', at, { origin: 'https://phone.example' })).ask()),
      200,
    );
    assert.equal(statusOf(await new Call(await dial('WS', at)).ask()), 200);
  });

  it('beyond loopback the server is not made unless somebody says who may call', () => {
    const make = (options: DistributionServerOptions) =>
      createDistributionServer({
        signalling: (latchkey) => latchSip(sip, latchkey, { shownRanges: ['127.0.0.0/8'] }),
        ...options,
        listen: { address: '192.0.2.1', udp: 5060, ...options.listen },
      });
    const refused = {
      code: 'LATCHKEY_OPTION',
      message: /"admission" accepts 'anybody', or \{ users, realm, trunks \}/,
    };
    assert.throws(() => make({}), refused);
    assert.throws(() => make({ admission: 'everybody' as never }), refused);
    for (const admission of ['anybody', { users: usersOf() }, { trunks: ['192.0.2.0/24'] }] as const)
      assert.ok(make({ admission }));
    assert.throws(() => make({ admission: { user: 1 } as never }), /admission has no option "user"/);
    assert.throws(() => make({ admission: { users: [] as never } }), /"admission\.users" accepts a Map/);
    assert.throws(() => make({ admission: { trunks: ['192.0.2.1'] } }), /ranges of addresses/);
    assert.throws(() => make({ listen: { clientCa: 'x' } }), /"listen\.clientCa" accepts/);
    assert.throws(
      () => make({ admission: 'anybody', listen: { origins: 'x' as never } }),
      /"listen\.origins"/,
    );
  });
});

/** The collector is there only where it is asked for. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Whether the server ends the connection before it answers anything. */
function isTurnedAway(
  protocol: 'TLS' | 'WSS',
  at: Listening['sip'],
  pem: { readonly key?: string; readonly cert?: string },
): Promise<boolean> {
  const { address = '', port = 0 } = at[protocol] ?? {};
  return new Promise((resolve) => {
    if (protocol === 'TLS') {
      // With TLS 1.3 the client is through before it is told that its certificate will not do.
      const stream = tls.connect({ port, host: address, rejectUnauthorized: false, ...pem });
      stream.on('error', () => undefined).on('data', () => resolve(false));
      stream.on('close', () => resolve(true));
      stream.write('OPTIONS sip:127.0.0.1 SIP/2.0\r\n\r\n');
    } else {
      const socket = new WebSocket(`wss://${address}:${port}`, 'sip', { rejectUnauthorized: false, ...pem });
      socket.on('error', () => resolve(true)).on('open', () => resolve(false));
    }
  });
}
