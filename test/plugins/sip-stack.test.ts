import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import type { SipMessage, SipRequest, SipResponse } from '../../lib/sip/index.js';
import type { RejectedCall, Target } from '../../plugins/sip/index.js';
import { abroad } from './sip-abroad.js';
import { createCertificate, End, freePort, inDialog, LATCH_LINE, sdp, sip } from './sip-phones.js';

const MALFORMED = `${sdp()}a=latch:1 short\r\n`;

/** Answers calls and hangs up; what a server of ten lines does. */
function answer(request: SipRequest, end: End): void {
  if (request.method === 'INVITE') end.respond(request, 200, sdp(41000));
  else if (request.method !== 'ACK') end.respond(request, 200);
}

const methods = (end: End) => end.requests.map((request) => request.method);
const eventually = async (claim: () => boolean, what: string) => {
  for (let i = 0; i < 200; i++) {
    if (claim()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(what);
};

describe('plugins/sip: over real sockets', () => {
  const ends: End[] = [];
  const peers: dgram.Socket[] = [];
  const openPeer = async () => {
    const peer = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    peers.push(peer);
    await once(peer, 'listening');
    return peer;
  };
  const open = async (...args: ConstructorParameters<typeof End>) => {
    const end = new End(...args);
    ends.push(end);
    await end.stack.ready;
    return end;
  };
  afterEach(() => {
    for (const end of ends.splice(0)) end.close();
    for (const peer of peers.splice(0)) peer.close();
  });

  describe('a call', () => {
    for (const protocol of ['UDP', 'TCP', 'TLS']) {
      it(`carries the attributes both ways over ${protocol}, and ends with BYE`, async () => {
        const { key, cert } = await createCertificate();
        const tls = protocol === 'TLS' ? { key, cert, ca: cert } : undefined;
        const bob = await open({ stack: { tls } }, answer);
        const alice = await open({ stack: { tls }, latch: { role: 'prover' } });
        const invite = alice.request('INVITE', bob.uri(protocol), {}, sdp());
        const session = alice.latch.session(invite);
        assert.ok(session);
        const { final } = await alice.ask(invite);
        assert.equal(final.status, 200);
        assert.match(bob.requests[0]!.content!, LATCH_LINE);
        assert.match(final.content!, LATCH_LINE);
        assert.equal(alice.latch.session(final), session);
        assert.equal(session.protection, 'latch');
        const incoming = bob.latch.session(bob.requests[0]!);
        assert.ok(incoming && !incoming.isClosed);
        alice.stack.send(inDialog(alice, invite, final, 'ACK'));
        await eventually(() => bob.requests.length === 2, 'the ACK arrives');
        const bye = inDialog(alice, invite, final, 'BYE');
        assert.equal((await alice.ask(bye)).final.status, 200);
        assert.ok(session.isClosed);
        assert.ok(incoming.isClosed);
        assert.deepEqual(methods(bob), ['INVITE', 'ACK', 'BYE']);
      });
    }

    it('tells each session where its peer is, that it receives there, and that the dialog is confirmed', async () => {
      for (const protocol of ['UDP', 'TCP']) {
        const told: string[] = [];
        const listen = (end: End, name: string) =>
          end.latch.on('session', (session) => {
            for (const method of ['peer', 'shown', 'confirm'] as const) {
              const original = session[method].bind(session) as (...args: unknown[]) => void;
              Object.assign(session, {
                [method]: (...args: unknown[]) => {
                  told.push(`${name} ${method} ${JSON.stringify(args)}`);
                  original(...args);
                },
              });
            }
          });
        const [bob, alice] = [await open({}, answer), await open({ latch: { role: 'prover' } })];
        listen(bob, 'bob');
        listen(alice, 'alice');
        const invite = alice.request('INVITE', bob.uri(protocol), {}, sdp());
        const { final } = await alice.ask(invite);
        const source = JSON.stringify([{ address: '127.0.0.1', transport: protocol.toLowerCase() }]);
        assert.deepEqual(told.splice(0), [
          'alice shown ["127.0.0.1"]',
          `alice peer ${source}`,
          'alice confirm []',
        ]);
        alice.stack.send(inDialog(alice, invite, final, 'ACK'));
        await eventually(() => bob.requests.length === 2, 'the ACK arrives');
        assert.deepEqual(told, ['bob shown ["127.0.0.1"]', 'bob confirm []']);
      }
    });

    it('runs ten at a time on one stack with branches that never repeat', async () => {
      const bob = await open({}, answer);
      const alice = await open();
      const asked = Array.from({ length: 10 }, () =>
        alice.ask(alice.request('INVITE', bob.uri('UDP'), {}, sdp())),
      );
      const finals = (await Promise.all(asked)).map(({ final }) => final);
      assert.ok(finals.every(({ status }) => status === 200));
      const branches = finals.map(({ headers }) => headers.via![0]!.params['branch']!);
      assert.equal(new Set(branches).size, 10);
      for (const branch of branches) assert.match(branch, /^z9hG4bK[0-9a-f]{32}$/);
      assert.equal(bob.latchkey.sessions.size, 10);
    });

    it('over WSS is encrypted, over WS it is not', async () => {
      const { key, cert } = await createCertificate();
      for (const tls of [{ key, cert }, undefined]) {
        const bob = await open({ sip: abroad(sip), stack: { tls, ws_port: 0 } }, answer);
        const protocol = tls ? 'WSS' : 'WS';
        const url = `${protocol.toLowerCase()}://127.0.0.1:${bob.port(protocol)}`;
        const ws = new WebSocket(url, 'sip', { rejectUnauthorized: false });
        await once(ws, 'open');
        const invite = bob.request('INVITE', 'sip:bob@example.invalid', {}, `${sdp()}${await latchOf()}`);
        invite.headers.via = [{ protocol, host: 'x.invalid', params: { branch: 'z9hG4bK1' } }];
        ws.send(sip.stringify(invite));
        const [reply] = (await once(ws, 'message')) as [Buffer];
        const isLatched = LATCH_LINE.test(reply.toString());
        assert.equal(isLatched, Boolean(tls));
        ws.terminate();
      }
    });

    /** A well-formed attribute, out of an offer of a third latchkey. */
    async function latchOf(): Promise<string> {
      const carol = await open();
      const offer = carol.latchkey.createSession({ signalling: 'encrypted', role: 'prover' }).setLocal(sdp());
      return `${LATCH_LINE.exec(offer)!
        .input.split('\r\n')
        .find((line) => line.startsWith('a=latch:'))!}\r\n`;
    }

    it('offers in the 200 and answers in the ACK, end to end', async () => {
      const bob = await open({}, answer);
      const alice = await open({ latch: { role: 'prover' } });
      const invite = alice.request('INVITE', bob.uri('TCP'));
      const { final } = await alice.ask(invite);
      const ack = inDialog(alice, invite, final, 'ACK', sdp());
      alice.stack.send(ack);
      await eventually(() => bob.requests.length === 2, 'the ACK arrives');
      assert.match(bob.requests[1]!.content!, LATCH_LINE);
      assert.equal(bob.latch.session(bob.requests[1]!)?.protection, 'latch');
      assert.equal(alice.latch.session(final)?.protection, 'latch');
    });

    it('repeats the same bytes, request and response, to a peer that does not hear', async () => {
      const peer = await openPeer();
      const heard: string[] = [];
      peer.on('message', (bytes) => heard.push(bytes.toString('latin1')));
      const alice = await open({}, answer);
      alice.stack.send(alice.request('INVITE', `sip:b@127.0.0.1:${peer.address().port}`, {}, sdp()));
      await eventually(() => heard.length >= 2, 'the INVITE is repeated');
      assert.match(heard[0]!, LATCH_LINE);
      assert.equal(heard[1], heard[0]);
      heard.length = 0;
      const incoming = alice.request('INVITE', 'sip:a@127.0.0.1', {}, `${sdp()}${await latchOf()}`);
      incoming.headers.via = [
        { protocol: 'UDP', host: '127.0.0.1', port: peer.address().port, params: { branch: 'z9hG4bKr' } },
      ];
      peer.send(sip.stringify(incoming), alice.port('UDP'), '127.0.0.1');
      await eventually(
        () => heard.filter((text) => text.startsWith('SIP/2.0 200')).length === 2,
        'two responses',
      );
      assert.match(heard[0]!, LATCH_LINE);
      assert.equal(heard[1], heard[0]);
      assert.equal(alice.requests.length, 1);
    });
  });

  describe('hops', () => {
    /** Ends between which nothing is encrypted and nothing is loopback, and a URI of bob's by name. */
    const far = (...[options = {}, handler]: ConstructorParameters<typeof End>) =>
      open({ ...options, sip: abroad(sip) }, handler);
    const uri = 'sip:bob@example.invalid;transport=';
    const to = (bob: End, protocol: string) => () => [
      { protocol, address: '127.0.0.1', port: bob.port(protocol) },
    ];

    it('takes the secret out when an INVITE fails over from TLS to a plain hop, and reads none back', async () => {
      const { cert } = await createCertificate();
      const bob = await far({}, answer);
      const targets: Target[] = [
        { protocol: 'TLS', address: '127.0.0.1', port: await freePort() },
        ...to(bob, 'UDP')(),
      ];
      const alice = await far({
        stack: { tls: { ca: cert } },
        latch: { role: 'prover', resolve: () => Promise.resolve(targets) },
      });
      const invite = alice.request('INVITE', `${uri}tls`, {}, sdp());
      const session = alice.latch.session(invite);
      const { final } = await alice.ask(invite);
      assert.equal(final.status, 200);
      assert.equal(bob.requests.length, 1);
      assert.equal(bob.requests[0]!.content, sdp());
      assert.equal(session?.protection, 'none');
      assert.equal(invite.headers.via!.length, 1);
      assert.equal(bob.requests[0]!.uri, `${uri}tls`);
    });

    it('under policy require, does not go on without latch after such a failover', async () => {
      const bob = await far({}, answer);
      const latch = { role: 'prover', policy: 'require', resolve: to(bob, 'UDP') } as const;
      const alice = await far({ latch });
      const { final } = await alice.ask(alice.request('INVITE', `${uri}tls`, {}, sdp()));
      assert.equal(final.status, 488);
      await eventually(() => bob.requests.length === 3, 'INVITE, ACK and BYE');
      assert.deepEqual(methods(bob).sort(), ['ACK', 'BYE', 'INVITE']);
    });

    it('sends no secret of its own over a clear hop, and takes none from it', async () => {
      const bob = await far({}, answer);
      const alice = await far({ latch: { resolve: to(bob, 'TCP') } });
      await alice.ask(alice.request('INVITE', `${uri}tcp`, {}, sdp()));
      assert.match(bob.requests[0]!.content ?? '', /^a=ice-ufrag:/m);
      assert.doesNotMatch(bob.requests[0]!.content ?? '', /a=latch/);

      const careless = await far({
        latch: { resolve: to(bob, 'TCP') },
        latchkey: { allowInsecureSignalling: true },
      });
      const { final } = await careless.ask(careless.request('INVITE', `${uri}tcp`, {}, sdp()));
      assert.match(bob.requests[1]!.content ?? '', LATCH_LINE);
      assert.doesNotMatch(final.content ?? '', /a=latch/);
    });

    it('does so where the owner allowed it by name', async () => {
      const latchkey = { allowInsecureSignalling: true };
      const bob = await far({ latchkey }, answer);
      const alice = await far({ latchkey, latch: { role: 'prover', resolve: to(bob, 'TCP') } });
      const { final } = await alice.ask(alice.request('INVITE', `${uri}tcp`, {}, sdp()));
      assert.match(bob.requests[0]!.content!, LATCH_LINE);
      assert.equal(alice.latch.session(final)?.protection, 'latch');
    });

    it('shows the application’s logger no secret', async () => {
      const seen: string[] = [];
      const log = (message: SipMessage) => seen.push(sip.stringify(message));
      const bob = await open({ stack: { logger: { recv: log, send: log } } }, answer);
      const alice = await open({ stack: { logger: { recv: log, send: log } } });
      const { final } = await alice.ask(alice.request('INVITE', bob.uri('UDP'), {}, sdp()));
      assert.equal(final.status, 200);
      assert.equal(seen.length, 4);
      assert.ok(seen.every((text) => text.includes('m=audio') && !text.includes('a=latch')));
    });

    it('makes keys for SRTP where it is told to: both ends have them, and the logger sees none', async () => {
      const seen: string[] = [];
      const log = (message: SipMessage) => seen.push(sip.stringify(message));
      const options = { latch: { srtp: 'terminate' }, stack: { logger: { recv: log, send: log } } } as const;
      const bob = await open(options, answer);
      const alice = await open(options);
      const { final } = await alice.ask(alice.request('INVITE', bob.uri('UDP'), {}, sdp()));
      assert.match(bob.requests[0]!.content!, /^a=crypto:1 AEAD_AES_256_GCM inline:/m);
      assert.match(final.content!, /^a=crypto:1 AEAD_AES_256_GCM inline:/m);
      assert.equal(alice.latch.session(final)?.terminatesSrtp, true);
      assert.equal(seen.length, 4);
      assert.ok(seen.every((text) => text.includes('m=audio') && !text.includes('crypto')));
    });
  });

  describe('what is malformed, or not enough', () => {
    it('answers 400 with a Warning before the application sees the request', async () => {
      const bob = await open({}, answer);
      const alice = await open();
      const rejected: RejectedCall[] = [];
      bob.latch.on('rejected', (call) => rejected.push(call));
      const peer = await openPeer();
      const invite = alice.request('INVITE', 'sip:bob@127.0.0.1', {}, MALFORMED);
      invite.headers.via = [
        { protocol: 'UDP', host: '127.0.0.1', port: peer.address().port, params: { branch: 'z9hG4bKm' } },
      ];
      peer.send(sip.stringify(invite), bob.port('UDP'), '127.0.0.1');
      const [reply] = (await once(peer, 'message')) as [Buffer];
      assert.match(reply.toString(), /^SIP\/2\.0 400 Bad Request\r\n/);
      assert.match(reply.toString(), /\r\nWarning: 399 127\.0\.0\.1 ".*line \d+/);
      assert.match(reply.toString(), /\r\nTo:.*;tag=/);
      assert.ok(!reply.toString().includes('short'));
      assert.equal(bob.requests.length, 0);
      assert.equal(rejected[0]?.status, 400);
      assert.equal(bob.latchkey.sessions.size, 0);
    });

    it('answers 488 where latch is required and not offered; an unknown version is not an offer', async () => {
      const bob = await open({ latch: { policy: 'require' } }, answer);
      const plain = await open();
      for (const body of [sdp(), `${sdp()}a=latch:2 anything at all\r\n`]) {
        const uri = bob.uri('TCP');
        const bare = plain.request('INVITE', uri, {}, body);
        const socket = net.connect(bob.port('TCP'), '127.0.0.1');
        bare.headers.via = [
          { protocol: 'TCP', host: '127.0.0.1', params: { branch: `z9hG4bK${body.length}` } },
        ];
        socket.write(sip.stringify(bare));
        const [reply] = (await once(socket, 'data')) as [Buffer];
        socket.destroy();
        assert.match(reply.toString(), /^SIP\/2\.0 488 /);
        assert.match(reply.toString(), /\r\nWarning: 399 127\.0\.0\.1 "latch is required/);
      }
      assert.equal(bob.requests.length, 0);
    });

    it('acknowledges and hangs up a 200 with a malformed attribute, and tells the application of a 400', async () => {
      const peer = await openPeer();
      const heard: SipMessage[] = [];
      let final: Buffer | undefined;
      peer.on('message', (bytes, info) => {
        const message = sip.parse(bytes as never)!;
        heard.push(message);
        const contact = `sip:peer@127.0.0.1:${peer.address().port}`;
        const response = sip.makeResponse(message, 200, 'OK', { headers: { contact: [{ uri: contact }] } });
        if (message.method === 'INVITE') {
          response.content = MALFORMED;
          response.headers['content-type'] = 'application/sdp';
          response.headers.to = { uri: contact, params: { tag: 'peer' } };
          response.headers['record-route'] = [{ uri: `sip:127.0.0.1:${peer.address().port};lr` }];
        }
        if (message.method === 'ACK') return;
        const text = Buffer.from(sip.stringify(response));
        if (message.method === 'INVITE') final = text;
        peer.send(text, info.port, info.address);
      });
      const alice = await open();
      const rejected: RejectedCall[] = [];
      alice.latch.on('rejected', (call) => rejected.push(call));
      const invite = alice.request('INVITE', `sip:b@127.0.0.1:${peer.address().port}`, {}, sdp());
      const session = alice.latch.session(invite);
      const asked = await alice.ask(invite);
      assert.equal(asked.final.status, 400);
      assert.match(asked.final.headers.warning!, /^399 127\.0\.0\.1 "/);
      await eventually(() => heard.length === 3, 'ACK and BYE');
      const [first, ...rest] = heard;
      assert.deepEqual(rest.map(({ method }) => method).sort(), ['ACK', 'BYE']);
      const seqOf = (message: SipMessage | undefined) => (message?.headers.cseq as { seq: number }).seq;
      const ack = rest.find(({ method }) => method === 'ACK');
      const bye = rest.find(({ method }) => method === 'BYE');
      assert.equal(seqOf(ack), seqOf(first));
      assert.equal(seqOf(bye), seqOf(first) + 1);
      assert.equal(bye?.headers.to?.params?.['tag'], 'peer');
      assert.ok(Array.isArray(bye?.headers.route));
      // The peer repeats its 200: it is acknowledged again, and nobody is told again.
      peer.send(final!, alice.port('UDP'), '127.0.0.1');
      await eventually(() => heard.length === 4, 'another ACK');
      assert.equal(heard[3]?.method, 'ACK');
      assert.equal(asked.all.length, 1);
      assert.equal(rejected.length, 1);
      assert.ok(session?.isClosed);
    });

    it('hangs up, on the flow it came by, when the answer in an ACK is malformed', async () => {
      const bob = await open({}, answer);
      const socket = net.connect(bob.port('TCP'), '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => (text += bytes.toString()));
      const headers = { via: [{ protocol: 'TCP', host: 'a.invalid', params: { branch: 'z9hG4bKa' } }] };
      const invite = bob.request('INVITE', 'sip:bob@127.0.0.1', headers);
      invite.headers.contact = [{ uri: 'sip:behind-a-nat@10.255.255.1:5060;transport=tcp' }];
      socket.write(sip.stringify(invite));
      await eventually(() => text.includes('SIP/2.0 200'), 'the 200');
      const ack = bob.request(
        'ACK',
        'sip:bob@127.0.0.1',
        { ...invite.headers, 'content-type': 'application/sdp' },
        MALFORMED,
      );
      ack.headers.cseq = { seq: (invite.headers.cseq as { seq: number }).seq, method: 'ACK' };
      ack.headers.via = [{ protocol: 'TCP', host: 'a.invalid', params: { branch: 'z9hG4bKb' } }];
      ack.headers.to = { uri: 'sip:bob@127.0.0.1', params: { tag: 'to-tag' } };
      socket.write(sip.stringify(ack));
      await eventually(
        () => text.includes('BYE sip:behind-a-nat@10.255.255.1:5060;transport=tcp SIP/2.0'),
        'the BYE',
      );
      assert.deepEqual(methods(bob), ['INVITE']);
      assert.equal(bob.latchkey.sessions.size, 0);
      socket.destroy();
    });

    it('ends the session of a request whose handler throws', async () => {
      const errors: unknown[] = [];
      const bob = await open({ stack: { logger: { error: (error) => errors.push(error) } } }, () => {
        throw new Error('the application');
      });
      const alice = await open();
      const { final } = await alice.ask(alice.request('INVITE', bob.uri('UDP'), {}, sdp()));
      assert.equal(final.status, 500);
      assert.equal(errors.length, 1);
      assert.equal(bob.latchkey.sessions.size, 0);
      assert.equal(alice.latchkey.sessions.size, 0);
    });
  });

  describe('the package’s defects', () => {
    it('tells of a port in use by one rejection that names it, and closes the rest', async () => {
      const taken = net.createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as net.AddressInfo;
      const { key, cert } = await createCertificate();
      for (const [stack, protocol] of [
        [{ port, udp: false }, 'TCP'],
        [{ tls: { key, cert }, tls_port: port }, 'TLS'],
        [{ ws_port: port }, 'WS'],
      ] as const) {
        const end = new End({ stack });
        await assert.rejects(end.stack.ready, (error: Error) => {
          assert.equal(
            error.message,
            `sip: cannot listen on ${protocol} 127.0.0.1:${port}: the address is in use`,
          );
          return true;
        });
        end.close();
      }
      taken.close();
    });

    it('throws what is wrong with a certificate, and leaves no socket open', async () => {
      const port = await freePort();
      assert.throws(() => new End({ stack: { port, tls: { key: 'no', cert: 'no' } } }));
      const end = await open({ stack: { port } });
      assert.equal(end.port('TCP'), port);
    });

    it('listens on ports of the system’s choice, all on the address given, and says where', async () => {
      const { key, cert } = await createCertificate();
      const end = await open({ stack: { tls: { key, cert }, ws_port: 0 } });
      assert.deepEqual(
        end.stack.addresses.map(({ protocol, address }) => `${protocol} ${address}`),
        ['UDP 127.0.0.1', 'TCP 127.0.0.1', 'TLS 127.0.0.1', 'WSS 127.0.0.1'],
      );
      assert.ok(end.stack.addresses.every(({ port }) => port > 1023 && port !== 5060 && port !== 5061));
    });

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      it(`lets a phone that comes back resume its session, ${version}`, async () => {
        const { key, cert } = await createCertificate();
        const end = await open({ stack: { tls: { key, cert } } });
        const dial = async (session?: Buffer) => {
          const options = { port: end.port('TLS'), ca: cert, minVersion: version, maxVersion: version };
          const socket = connectTls({ ...options, host: '127.0.0.1', ...(session && { session }) }).resume();
          const ticket = once(socket, 'session') as Promise<[Buffer]>;
          await once(socket, 'secureConnect');
          return { socket, ticket };
        };
        const first = await dial();
        assert.equal(first.socket.isSessionReused(), false);
        const [session] = await first.ticket;
        first.socket.destroy();
        const second = await dial(session);
        second.ticket.catch(() => undefined);
        assert.equal(second.socket.isSessionReused(), true);
        second.socket.destroy();
      });

    it('closes its WebSocket listener and its flows', async () => {
      const { key, cert } = await createCertificate();
      for (const tls of [undefined, { key, cert }]) {
        const end = await open({ stack: { tls, ws_port: 0 } });
        const port = end.port(tls ? 'WSS' : 'WS');
        const ws = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}`, 'sip', {
          rejectUnauthorized: false,
        });
        await once(ws, 'open');
        const tcp = net.connect(end.port('TCP'), '127.0.0.1').resume();
        await once(tcp, 'connect');
        const closed = Promise.all([once(ws, 'close'), once(tcp, 'close')]);
        end.close();
        await closed;
        const again = net.createServer().listen(port, '127.0.0.1');
        await once(again, 'listening');
        again.close();
      }
    });

    it('writes its real port and address into Via', async () => {
      const { key, cert } = await createCertificate();
      const bob = await open({ stack: { tls: { key, cert, ca: cert } } }, answer);
      const alice = await open({ stack: { tls: { key, cert, ca: cert } } });
      for (const protocol of ['UDP', 'TCP', 'TLS']) {
        await alice.ask(alice.request('OPTIONS', bob.uri(protocol)));
        const via = bob.requests.at(-1)!.headers.via![0]!;
        assert.equal(`${via.host}:${via.port}`, `127.0.0.1:${alice.port(protocol)}`);
      }
    });

    it('calls a peer on its own address, and itself', async () => {
      const alice = await open({ stack: { publicAddress: '127.0.0.1' } }, answer);
      const { final } = await alice.ask(alice.request('INVITE', alice.uri('UDP'), {}, sdp()));
      assert.equal(final.status, 200);
      assert.equal(alice.latchkey.sessions.size, 2);
      const [one, two] = [...alice.latchkey.sessions.values()];
      assert.notEqual(one, two);
      assert.equal(alice.latch.session(alice.requests[0]!)?.protection, 'latch');
    });

    it('still sends by flow URIs, in the Request-URI or in a Route', async () => {
      const bob = await open({}, (request, end, remote) => {
        if (request.method === 'REGISTER') {
          const flow = end.stack.encodeFlowUri(remote);
          assert.equal(flow.host, '127.0.0.1');
          assert.deepEqual(end.stack.decodeFlowUri(flow), { ...remote });
          assert.ok(end.stack.isFlowUri(flow));
          end.stack.send(end.request('MESSAGE', flow));
          end.stack.send(
            end.request('OPTIONS', 'sip:a@10.255.255.1', {
              route: [{ uri: { ...flow, params: { lr: null } } }],
            }),
          );
        }
        end.respond(request, 200);
      });
      const alice = await open({}, answer);
      await alice.ask(alice.request('REGISTER', bob.uri('TCP')));
      await eventually(() => alice.requests.length === 2, 'both come back on the flow');
      assert.deepEqual(methods(alice).sort(), ['MESSAGE', 'OPTIONS']);
      assert.equal(alice.requests.find(({ method }) => method === 'OPTIONS')!.uri, 'sip:a@10.255.255.1');
    });

    it('answers 430 for the flow of a WebSocket that is gone', async () => {
      const bob = await open({ stack: { ws_port: 0 } });
      const ws = new WebSocket(`ws://127.0.0.1:${bob.port('WS')}`, 'sip');
      await once(ws, 'open');
      const flow = new Promise((resolve) => {
        bob.handler = (_request, _end, remote) => resolve(bob.stack.encodeFlowUri(remote));
      });
      const message = bob.request('OPTIONS', 'sip:b@h', {
        via: [{ protocol: 'WS', host: 'x.invalid', params: { branch: 'z9hG4bK1' } }],
      });
      ws.send(sip.stringify(message));
      const uri = (await flow) as string;
      ws.terminate();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { final } = await bob.ask(bob.request('BYE', uri));
      assert.equal(final.status, 430);
      bob.stack.send(bob.request('ACK', uri));
    });

    it('sends a CANCEL where its INVITE went', async () => {
      const bob = await open({}, (request, end) => {
        if (request.method === 'INVITE') end.respond(request, 180);
        if (request.method === 'CANCEL') {
          end.respond(request, 200);
          end.respond(bob.requests[0]!, 487);
        }
      });
      const uses: string[] = [];
      const target = { protocol: 'TCP', address: '127.0.0.1', port: bob.port('TCP') };
      const alice = await open({
        latch: {
          resolve: (hop) => {
            uses.push(hop.host);
            return [target];
          },
        },
      });
      const invite = alice.request('INVITE', 'sip:bob@example.invalid', {}, sdp());
      const ringing = new Promise<SipResponse>((resolve) => {
        alice.stack.send(invite, (response) => (response.status < 200 ? cancel() : resolve(response)));
      });
      function cancel() {
        const { to, from, 'call-id': id, cseq, via } = invite.headers;
        const headers = { to: to!, from: from!, 'call-id': id!, via: [via![0]!] };
        const request = alice.request('CANCEL', invite.uri, headers);
        request.headers.cseq = { seq: (cseq as { seq: number }).seq, method: 'CANCEL' };
        alice.stack.send(request);
      }
      assert.equal((await ringing).status, 487);
      assert.deepEqual(uses, ['example.invalid']);
      assert.equal(alice.latchkey.sessions.size + bob.latchkey.sessions.size, 0);
    });

    it('talks to IPv6 hosts', async () => {
      const bob = await open({ stack: { address: '::1' } }, answer).catch(() => undefined);
      if (!bob) return;
      const alice = await open({ stack: { address: '::1' }, latch: { role: 'prover' } });
      for (const protocol of ['UDP', 'TCP']) {
        const invite = alice.request('INVITE', bob.uri(protocol, '[::1]'), {}, sdp());
        const { final } = await alice.ask(invite);
        assert.equal(final.status, 200);
        assert.equal(bob.requests.at(-1)!.uri, invite.uri);
        assert.match(final.content!, LATCH_LINE);
      }
    });

    it('sends bodies beyond latin1 whole', async () => {
      const bob = await open({}, answer);
      const alice = await open();
      await alice.ask(
        alice.request('MESSAGE', bob.uri('TCP'), { 'content-type': 'text/plain' }, 'žluťoučký 🐎'),
      );
      assert.equal(Buffer.from(bob.requests[0]!.content!, 'latin1').toString('utf8'), 'žluťoučký 🐎');
    });
  });

  describe('TLS as a client (RFC 5922)', () => {
    async function call(
      host: string,
      altNames?: { type: number; value?: string; ip?: string }[],
    ): Promise<number> {
      const { key, cert } = await createCertificate(altNames);
      const bob = await open({ stack: { tls: { key, cert } } }, answer);
      const target = { protocol: 'TLS', address: '127.0.0.1', port: bob.port('TLS') };
      const alice = await open({ stack: { tls: { ca: cert } }, latch: { resolve: () => [target] } });
      return (await alice.ask(alice.request('OPTIONS', `sip:bob@${host};transport=tls`))).final.status;
    }

    it('accepts the URI’s host by dNSName, by sip: URI and by address', async () => {
      assert.equal(await call('sip.example', [{ type: 2, value: 'sip.example' }]), 200);
      assert.equal(await call('SIP.example', [{ type: 6, value: 'sip:sip.example' }]), 200);
      assert.equal(await call('127.0.0.1'), 200);
    });

    it('refuses the resolved address, another name, a user’s URI and a wildcard', async () => {
      assert.equal(await call('sip.example', [{ type: 7, ip: '127.0.0.1' }]), 503);
      assert.equal(await call('sip.example', [{ type: 2, value: 'other.example' }]), 503);
      assert.equal(await call('sip.example', [{ type: 6, value: 'sip:bob@sip.example' }]), 503);
      assert.equal(await call('sip.example', [{ type: 2, value: '*.example' }]), 503);
      assert.equal(await call('127.0.0.1', [{ type: 2, value: 'sip.example' }]), 503);
    });

    it('does not lend a flow that one name opened to another that the certificate does not cover', async () => {
      const { key, cert } = await createCertificate([{ type: 2, value: 'one.example' }]);
      const bob = await open({ stack: { tls: { key, cert } } }, answer);
      const target = { protocol: 'TLS', address: '127.0.0.1', port: bob.port('TLS') };
      const alice = await open({ stack: { tls: { ca: cert } }, latch: { resolve: () => [target] } });
      const ask = async (uri: string) => (await alice.ask(alice.request('OPTIONS', uri))).final.status;
      assert.equal(await ask('sips:a@one.example'), 200);
      assert.equal(await ask('sips:a@one.example'), 200);
      assert.equal(await ask('sips:a@two.example'), 503);
      assert.equal(bob.requests.length, 2);
    });
  });
});
