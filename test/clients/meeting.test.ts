// The meeting: the sip.js program of docs/examples over WSS, a baresip with ICE and a `latchkey call`, each a process of its
// own, in one room. The program calls, or is called on the connection by which it registered. Judged by the wire.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificate } from '../../lib/cli/certificate.js';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { Admission } from '../../lib/sip/index.js';
import { openMediaSockets } from '../../lib/server/media-sockets.js';
import { MeetingServer } from '../../lib/server/meeting-server.js';
import { RoomSeats } from '../../lib/server/room-seats.js';
import { createLatchkey, formatAddress } from '../../lib/index.js';
import type { LatchEvent } from '../../lib/index.js';
import { createRooms } from '../../lib/room/index.js';
import type { SipFlow, SipStack } from '../../lib/sip/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import type { SipPackage } from '../../plugins/sip/index.js';
import { CommandProcess, ServerProcess } from '../cli/server-process.js';
import { eventually, ExampleProcess } from '../plugins/sip-js-phones.js';
import {
  baresip,
  OWN_ADDRESS,
  RunningClient,
  skipBecause,
  whyNoClient,
  whyNoNetwork,
} from './client-programs.js';
import { hearingsOf } from './hearing.js';
import { WireTap } from './wire-tap.js';

const ROOM = 'all';
/** Two seconds of speech, which is less than any two are in the room together. */
const PACKETS = 100;
const sip = createRequire(import.meta.url)('sip') as SipPackage;

/** A server with the room, and what the test has to know of it. */
interface Site {
  port(transport: string): number;
  readonly certificate: string;
  /** Where and by what the streams of these sessions so far were verified, in the order in which they were. */
  readonly verified: () => { session: string; mapping: string; protection: string }[];
  /** Brings the program into the room. */
  bringIn(): Promise<void>;
  close(): Promise<void>;
}

describe('a meeting of a sip.js program, a baresip and a latchkey call', function () {
  this.timeout(60_000);
  let folder: string;
  let site: Site | undefined;
  let tap: WireTap | undefined;
  let phone: RunningClient | undefined;
  let program: ExampleProcess | undefined;

  beforeEach(function () {
    skipBecause(this, whyNoNetwork() ?? whyNoClient('baresip', 'tcpdump'));
    folder = mkdtempSync(join(tmpdir(), 'latchkey-meeting-'));
  });

  afterEach(async () => {
    phone?.kill();
    tap?.kill();
    await program?.stop();
    await site?.close();
    await CommandProcess.killAll();
    if (folder) rmSync(folder, { recursive: true, force: true });
    site = tap = phone = program = undefined;
  });

  function startProgram(...target: string[]): ExampleProcess {
    const wss = `wss://${OWN_ADDRESS}:${site!.port('wss')}`;
    return (program = new ExampleProcess(wss, site!.certificate, ...target));
  }

  /** `latchkey serve`: the program calls it. */
  async function served(): Promise<Site> {
    const server = await ServerProcess.start('--open', '--listen', OWN_ADDRESS, '--wss', 'auto');
    return {
      port: (transport) => server.port(transport),
      certificate: String(server.listening.certificate),
      verified: () =>
        server.events
          .filter(({ event, component }) => event === 'verified' && component === 1)
          .map(({ session, mapping, protection }) => ({
            session: String(session),
            mapping: String(mapping),
            protection: String(protection),
          })),
      bringIn: async () => {
        await startProgram(`sip:${ROOM}@${OWN_ADDRESS}`).ssrc();
      },
      close: async () => {
        const { stderr } = await server.stop();
        assert.doesNotMatch(stderr, /fault of ours/);
      },
    };
  }

  /** The same server in this process, which besides notes who registers: it calls the program. */
  async function calling(): Promise<Site> {
    const certificate = await createCertificate([OWN_ADDRESS]);
    const media = await openMediaSockets(OWN_ADDRESS, { kind: 'shared', port: 'auto' });
    const latchkey = createLatchkey();
    const latch = latchSip(sip, latchkey);
    const events: LatchEvent[] = [];
    const faults: unknown[] = [];
    latchkey.on('event', (event) => events.push(event));
    const meeting = new MeetingServer({
      ...{
        signalling: latch,
        seats: new RoomSeats(createRooms(), () => [{ advertise: OWN_ADDRESS, media }]),
      },
      admission: new Admission({ isOpen: true }, () => 0),
      onTurnedAway: () => undefined,
      onRefused: () => undefined,
      onAnswered: () => undefined,
      onQuestion: () => undefined,
      onAcknowledged: () => undefined,
      onFault: (error) => faults.push(error),
    });
    const { cert, key } = certificate;
    const where = { address: OWN_ADDRESS, udp: 0, tcp: 0, tls: 0, wss: 0, cert, key };
    let registered: { flow: SipFlow; stack: SipStack } | undefined;
    const listeners = await latch.listen(where, (arrival) => {
      const { request, flow, stack } = arrival;
      if (request.method !== 'REGISTER') return meeting.handle(arrival);
      registered = { flow, stack };
      const { contact = [] } = request.headers;
      stack.send(sip.makeResponse(request, 200, 'OK', { headers: { contact, expires: '600' } }));
    });
    return {
      port: (transport) => listeners.addresses.get(transport.toUpperCase() as 'TLS')?.port ?? 0,
      certificate: certificate.file,
      verified: () =>
        events.flatMap((event) =>
          event.type === 'verified' && event.component === 1
            ? [{ ...event, mapping: formatAddress(event.mapping) }]
            : [],
        ),
      bringIn: async () => {
        await startProgram().ssrc();
        const { flow, stack } = registered!;
        const contact = parseCallUri('sip:web@phone.invalid;transport=ws');
        assert.ok(contact.ok);
        const outcome = await meeting.callOut(contact.uri, ROOM, stack, 5000, flow);
        assert.equal(outcome.status, 200, outcome.reason);
      },
      close: async () => {
        await meeting.close(2000);
        listeners.close();
        latchkey.close();
        media.close();
        certificate.dispose();
        assert.deepEqual(faults, []);
      },
    };
  }

  /** Waits for one verified stream more, and says where it is and what verified it. */
  async function nextVerified(count: number) {
    await eventually(() => site!.verified().length >= count);
    return site!.verified()[count - 1]!;
  }

  for (const { name, serve } of [
    { name: 'which calls', serve: served },
    { name: 'which is called', serve: calling },
  ]) {
    it(`${name}: all hear all, and nothing is lost`, async () => {
      site = await serve();
      tap = await WireTap.start(join(folder, 'wire.pcap'));
      const uri = `sip:${ROOM}@${OWN_ADDRESS}:${site.port('tls')};transport=tls`;
      const call = new CommandProcess('call', uri, '--ca', site.certificate, '--json');
      const terminal = await nextVerified(1);
      await site.bringIn();
      const web = await nextVerified(2);
      const options = { folder, address: OWN_ADDRESS, user: ROOM, transport: 'udp', hasIce: true } as const;
      const server = { address: OWN_ADDRESS, port: site.port('udp') };
      phone = new RunningClient(baresip({ ...options, server, durationS: 4 }));
      const ice = await nextVerified(3);
      await phone.ended();
      const { code, stdout, stderr } = await call.stop();
      assert.equal(code, 0, stderr);
      assert.equal(await program!.stop(), 0, program!.output);

      assert.deepEqual(
        [terminal, web, ice].map(({ protection }) => protection),
        ['latch', 'latch', 'ice'],
      );
      const phones = { web: web.mapping, baresip: ice.mapping, terminal: terminal.mapping };
      const { who, strange } = hearingsOf(await tap.stop(), phones);
      assert.deepEqual(strange, {});
      const table = Object.entries(who).map(([to, from]) => [to, Object.keys(from).sort()]);
      assert.deepEqual(Object.fromEntries(table), {
        web: ['baresip', 'terminal'],
        baresip: ['terminal', 'web'],
        terminal: ['baresip', 'web'],
      });
      for (const [to, from] of Object.entries(who)) {
        for (const [by, { packets, lost }] of Object.entries(from)) {
          assert.ok(packets >= PACKETS, `${to} heard ${packets} packets of ${by}`);
          assert.equal(lost, 0, `${to} lost ${lost} packets of ${by}`);
        }
      }

      // By their own accounts, too.
      const ssrcs = (to: string) =>
        Object.values(who[to]!)
          .map(({ ssrc }) => ssrc)
          .sort();
      const last = /.*(?:^|\n)hears ([\d ]+)\n/s.exec(program!.output)?.[1];
      assert.deepEqual(last?.split(' ').map(Number).sort(), ssrcs('web'));
      const { streams } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
        streams: { ssrc: number; packets: number; lost: number }[];
      };
      assert.deepEqual(streams.map(({ ssrc }) => ssrc).sort(), ssrcs('terminal'));
      assert.ok(streams.every(({ lost }) => lost === 0));
      const received = Number(/packets: +\d+ +(\d+)/.exec(phone.said)?.[1]);
      assert.ok(received >= 2 * PACKETS, `baresip says that it received ${received}`);
    });
  }
});
