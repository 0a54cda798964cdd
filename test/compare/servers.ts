// What stands between the two phones of one call, rtpengine or latchkey, with the phones that belong to it: prepared, opened, talking,
// ended, alike for both.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines } from '../lab/json-lines.js';
import { SERVER } from '../lab/lab.js';
import type { HostName, Lab } from '../lab/lab.js';
import { INTERVAL_MS, recordingOf } from './content.js';
import type { PhoneKind } from './phone-terms.js';
import { program } from './programs.js';
import { Rtpengine } from './rtpengine.js';
import type { RtpengineSetting } from './rtpengine.js';
import { ScriptedPhone } from './scripted-phone.js';
import type { PhoneKeys } from './scripted-phone.js';
import type { LatchkeySetting, Setting } from './settings.js';

export const CLIENTS = ['caller', 'callee'] as const;
export type Client = (typeof CLIENTS)[number];

export interface Server {
  /** Signals the call as far as can be before media; gives the server's port for the caller. */
  readonly open: () => Promise<number>;
  /** Tells where the server has found the caller, where that may be another port than the first. */
  readonly onFound?: (listener: (port: number) => void) => void;
  /** Media, both ways. */
  readonly talk: () => Promise<void>;
  readonly hangUp: () => Promise<unknown>;
  /** Of the clients, where they have SRTP. */
  readonly keysOf: (client: Client) => PhoneKeys | undefined;
}

export interface Site {
  readonly lab: Lab;
  readonly folder: string;
  readonly hosts: Readonly<Record<Client, HostName>>;
}

/** Of the server: a pair for each of the two. */
const PORTS = [40_000, 40_003] as const;
/** For phones that are asked to send to another (protocol.md 8.3.6), and canaries among them (8.3.2). */
const MANY_PORTS = [40_000, 40_399] as const;
const OWN_PORT = 10_100;

/** Everything that may take its time: server, and programs that wait for their start. */
export function prepare(site: Site, setting: Setting): Promise<Server> {
  if (setting.server === 'rtpengine') return prepareRtpengine(site, setting.rtpengine);
  const { phone } = setting;
  return phone === 'latchkey' ? prepareLatchkey(site, setting) : prepareScripted(site, setting, phone);
}

async function prepareRtpengine(site: Site, setting: RtpengineSetting): Promise<Server> {
  const { lab, hosts } = site;
  const [rtpengine, phones] = await Promise.all([
    Rtpengine.start(lab, setting, PORTS),
    scriptedPhones(site, setting),
  ]);
  const { caller, callee } = phones;
  return {
    ...mediaOf(phones),
    open: async () => {
      const offer = await rtpengine.offer({ sdp: caller.offer(), seenFrom: lab.externalOf(hosts.caller) });
      callee.take(offer);
      const sdp = callee.answer(offer);
      return caller.take(await rtpengine.answer({ sdp, seenFrom: lab.externalOf(hosts.callee) }));
    },
  };
}

/** Both are `latchkey call`. */
async function prepareLatchkey({ lab, folder, hosts }: Site, setting: LatchkeySetting): Promise<Server> {
  const { uri, certificate } = await serve(lab, setting, PORTS);
  const trust = setting.transport === 'tls' ? ['--ca', certificate] : [];
  const call = async (client: Client) => {
    const recording = join(folder, `${client}.play.pcap`);
    writeFileSync(recording, recordingOf(client));
    const phone = lab.latchkey(hosts[client], 'call', uri, ...trust, '--play', recording, '--json');
    const lines = jsonLines(phone);
    const { media } = await lines.has('answered');
    return { phone, lines, port: Number(String(media).replace(/^.*:/, '')) };
  };
  const callee = await call('callee');
  const phones = [callee];
  return {
    // There are two pairs: that which the callee does not have will be the caller's.
    open: () => Promise.resolve([PORTS[0], PORTS[0] + 2].find((port) => port !== callee.port)!),
    talk: async () => void phones.push(await call('caller')),
    hangUp: () => {
      for (const { phone } of phones) phone.kill('SIGINT');
      return Promise.all(phones.map(({ lines }) => lines.end));
    },
    keysOf: () => undefined,
  };
}

/** Both are the same phones that rtpengine gets, and call by themselves. */
async function prepareScripted(site: Site, setting: LatchkeySetting, kind: PhoneKind): Promise<Server> {
  const { lab, hosts } = site;
  const isPlain = kind === 'plain';
  const { server, uri, certificate } = await serve(lab, setting, isPlain ? MANY_PORTS : PORTS);
  const phones = await scriptedPhones(site, { caller: kind, callee: kind });
  const lines = async (client: Client) => {
    const args = [lab.addressOf(hosts[client]), SERVER, uri, certificate];
    const child = lab.spawn(hosts[client], ...program('sip-asker'), ...args);
    const asker = jsonLines(child);
    await asker.has('ready');
    asker.each('asked', ({ sdp }) => void phones[client].take(String(sdp)));
    return async () => {
      child.stdin?.write(`${JSON.stringify(phones[client].offer())}\n`);
      const { sdp } = await asker.has('answered');
      return phones[client].take(String(sdp));
    };
  };
  const [callCaller, callCallee] = await Promise.all([lines('caller'), lines('callee')]);
  return {
    ...mediaOf(phones),
    open: async () => {
      await callCallee();
      return callCaller();
    },
    ...(isPlain && {
      onFound: (listener) =>
        server.each('locked', ({ component, remote, local }) => {
          if (component !== 1 || !String(remote).startsWith(`${lab.externalOf(hosts.caller)}:`)) return;
          listener(Number(String(local).replace(/^.*:/, '')));
        }),
    }),
  };
}

async function serve(lab: Lab, { options, transport }: LatchkeySetting, ports: readonly [number, number]) {
  const where = ['--open', '--listen', SERVER, '--media', ports.join('-')];
  const server = jsonLines(lab.latchkey('pub', 'serve', '--json', ...where, ...options));
  const { certificate } = await server.has('listening');
  const port = transport === 'tls' ? 5061 : 5060;
  const uri = `sip:comparison@${SERVER}:${port};transport=${transport}`;
  return { server, uri, certificate: String(certificate) };
}

type Phones = Readonly<Record<Client, ScriptedPhone>>;

async function scriptedPhones(
  { lab, hosts }: Site,
  kinds: Readonly<Record<Client, PhoneKind>>,
): Promise<Phones> {
  const [caller, callee] = await Promise.all(
    CLIENTS.map((speaker) => {
      const plan = { kind: kinds[speaker], speaker, port: OWN_PORT, intervalMs: INTERVAL_MS };
      return ScriptedPhone.start(lab, hosts[speaker], plan);
    }),
  );
  assert.ok(caller && callee);
  return { caller, callee };
}

function mediaOf(phones: Phones): Omit<Server, 'open'> {
  const both = Object.values(phones);
  return {
    talk: () => {
      for (const phone of both) phone.talk();
      return Promise.resolve();
    },
    hangUp: () => {
      for (const phone of both) phone.stop();
      return Promise.resolve();
    },
    keysOf: (client) => phones[client].keys,
  };
}
