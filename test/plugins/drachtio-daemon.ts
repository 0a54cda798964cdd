// A stand-in for drachtio's daemon: its lines on one side, SIP over UDP, TCP and TLS on the other, as drachtio-server 0.9.10 has
// both (client.cpp, sip-dialog-controller.cpp). It keeps transactions and dialogs as far as the daemon takes them off its
// application: 100, ACK to failures, 487 after a CANCEL, Via, tags, CSeq, Contact. It looks into no description.
import { randomBytes, randomUUID } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { GATE_LIMITS, MessageFramer, examineMessage } from '../../lib/sip/index.js';
import type { GateMessage } from '../../lib/sip/index.js';

/** The other end of a SIP connection, or the source of datagrams. */
interface Peer {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly address: string;
  readonly port: number;
  send(text: string): void;
}

interface DaemonDialog {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  remoteTag: string;
  /** From and To of this side's requests, without tags. */
  readonly local: string;
  readonly remote: string;
  target: string;
  seq: number;
  peer: Peer;
}

interface ServerTransaction {
  readonly request: GateMessage;
  readonly peer: Peer;
  readonly invite: string | undefined;
  tag: string;
  lastResponse: string | undefined;
  dialog: DaemonDialog | undefined;
  isDone: boolean;
}

interface ClientTransaction {
  readonly txn: string;
  readonly method: string;
  readonly request: string;
  readonly peer: Peer;
  readonly dialog: DaemonDialog | undefined;
  readonly localTag: string;
  readonly seq: number;
  /** Of the INVITE that makes a call: what a 2xx makes of it. */
  readonly isInitial: boolean;
}

export interface DaemonOptions {
  /** As it says in its answer to `authenticate`. */
  readonly version?: string;
  /** Daemons before 0.9.10 say `tcp` for TLS, but for what begins a dialog. */
  readonly isOld?: boolean;
  /** Lines go out in pieces of so many bytes. */
  readonly cutBytes?: number;
  /** For TLS towards the phones. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  /** Where applications connect: a port of before, for a daemon that comes back. */
  readonly port?: number;
  /** Loopback unless told. */
  readonly applicationAddress?: string;
  /** For phones: the IP address that is in Via and Contact; loopback unless told. */
  readonly address?: string;
  /** Applications connect by TLS with this certificate. */
  readonly applicationTls?: { readonly key: string; readonly cert: string };
}

const OWN = ['via', 'from', 'to', 'call-id', 'cseq', 'content-length', 'max-forwards'];

export class DrachtioDaemon {
  readonly secret = 'cymru';
  /** What it says of where a message came from and by what, in place of the truth. */
  claims: { readonly protocol?: string; readonly address?: string; readonly listenerPort?: number } = {};
  /** It can send no response any more, as when its connections to phones are gone. */
  isDeaf = false;
  /** Every line that the application has said, and every line that it was told. */
  readonly said: string[] = [];
  readonly told: string[] = [];
  /** Every SIP message, in and out. */
  readonly wire: string[] = [];
  readonly #options: DaemonOptions;
  readonly #server: net.Server;
  readonly #udp = dgram.createSocket('udp4');
  readonly #tcp: net.Server;
  readonly #tls: net.Server | undefined;
  readonly #connections = new Set<net.Socket>();
  #application: net.Socket | undefined;
  #servers = new Map<string, ServerTransaction>();
  #clients = new Map<string, ClientTransaction>();
  #dialogs = new Map<string, DaemonDialog>();

  private constructor(options: DaemonOptions) {
    this.#options = options;
    const onApplication = (socket: net.Socket) => this.#serve(socket);
    this.#server = options.applicationTls
      ? tls.createServer(options.applicationTls, onApplication)
      : net.createServer(onApplication);
    this.#tcp = net.createServer((socket) => this.#accept(socket, 'tcp'));
    const { certificate } = options;
    if (certificate) this.#tls = tls.createServer(certificate, (socket) => this.#accept(socket, 'tls'));
  }

  static async start(options: DaemonOptions = {}): Promise<DrachtioDaemon> {
    const daemon = new DrachtioDaemon(options);
    daemon.#udp.on('message', (bytes, { address, port }) =>
      daemon.#onDatagram(bytes.toString('utf8'), address, port),
    );
    daemon.#udp.bind(0, options.address ?? '127.0.0.1');
    const servers = [daemon.#tcp, ...(daemon.#tls ? [daemon.#tls] : [])];
    for (const server of servers) server.listen(0, options.address ?? '127.0.0.1');
    daemon.#server.listen(options.port ?? 0, options.applicationAddress ?? '127.0.0.1');
    await Promise.all([daemon.#udp, daemon.#server, ...servers].map(async (one) => once(one, 'listening')));
    return daemon;
  }

  /** Where applications connect. */
  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get address(): string {
    return this.#options.address ?? '127.0.0.1';
  }

  sipPort(protocol: 'udp' | 'tcp' | 'tls'): number {
    if (protocol === 'udp') return this.#udp.address().port;
    return ((protocol === 'tcp' ? this.#tcp : this.#tls!).address() as net.AddressInfo).port;
  }

  uri(protocol: 'udp' | 'tcp' | 'tls', user = 'room'): string {
    return `sip:${user}@${this.address}:${this.sipPort(protocol)};transport=${protocol}`;
  }

  /** Connects to an application that listens (an outbound connection, as the daemon calls it). */
  async dial(port: number): Promise<void> {
    const socket = net.connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    this.#serve(socket);
  }

  /** The application's connection breaks; the daemon lives. */
  dropApplication(): void {
    this.#application?.destroy();
  }

  async close(): Promise<void> {
    for (const socket of [...this.#connections, this.#application]) socket?.destroy();
    const servers = [this.#server, this.#tcp, ...(this.#tls ? [this.#tls] : [])];
    this.#udp.close();
    await Promise.all(servers.map(async (server) => once(server.close(), 'close')));
  }

  /** The daemon ends a dialog by itself, as when no ACK comes. */
  endByItself(reason: string): void {
    for (const dialog of this.#dialogs.values()) {
      const { text } = this.#inDialog(dialog, 'BYE', [`Reason: SIP ;cause=200 ;text="${reason}"`], '');
      dialog.peer.send(text);
      this.#dialogs.delete(dialog.id);
      this.#tell(
        `sip|application|${text.length}|udp|${this.address}|5060|12:00:00.000000|unsolicited|${dialog.id}|\r\n${text}`,
      );
    }
  }

  /** A line to the application as it is. */
  tellRaw(text: string): void {
    this.#application?.write(text);
  }

  // The application's side.

  #serve(socket: net.Socket): void {
    this.#application = socket;
    let bytes = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      for (;;) {
        const hash = bytes.indexOf('#');
        const length = Number(bytes.toString('latin1', 0, Math.max(hash, 0)));
        if (hash < 1 || bytes.length < hash + 1 + length) return;
        const text = bytes.toString('utf8', hash + 1, hash + 1 + length);
        bytes = bytes.subarray(hash + 1 + length);
        this.said.push(text);
        this.#onLine(text);
      }
    });
  }

  #tell(rest: string): void {
    const text = `${randomUUID()}|${rest}`;
    this.told.push(text);
    const bytes = Buffer.from(`${Buffer.byteLength(text, 'utf8')}#${text}`, 'utf8');
    const size = this.#options.cutBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) this.#application?.write(bytes.subarray(at, at + size));
  }

  #onLine(text: string): void {
    const end = text.indexOf('\r\n');
    const [id = '', verb = '', txn = '', dialogId = '', route = ''] = (
      end < 0 ? text : text.slice(0, end)
    ).split('|');
    const sip = end < 0 ? '' : text.slice(end + 2);
    if (verb === 'authenticate') {
      const ports = `udp/${this.address}:${this.sipPort('udp')},tcp/${this.address}:${this.sipPort('tcp')}`;
      return this.#tell(`response|${id}|OK|${ports}|${this.#options.version ?? 'v0.9.10'}|${ports}`);
    }
    if (verb !== 'sip') return this.#tell(`response|${id}|OK`);
    if (sip.startsWith('SIP/')) return this.#respond(id, txn, sip);
    if (sip.startsWith('CANCEL')) return this.#cancel(id, txn);
    if (dialogId !== '') this.#requestInside(id, dialogId, sip);
    else
      this.#requestOutside(id, route, sip).catch((error: unknown) =>
        this.#tell(`response|${id}|NOK|${String(error)}`),
      );
  }

  #respond(id: string, txn: string, sip: string): void {
    const { start, fields, body } = parse(sip);
    const method = /\S+$/.exec(fields.find(([name]) => name === 'cseq')?.[1] ?? '')?.[0] ?? '';
    const server = this.#servers.get(`${txn} ${method}`);
    if (!server || server.isDone || this.isDeaf)
      return this.#tell(`response|${id}|NOK|unable to find transaction`);
    const { request, peer, dialog } = server;
    const status = Number(start.slice(8, 11));
    const text = this.#writeResponse(server, status, { start, fields, body });
    if (request.cseq.method === 'INVITE' && !dialog && status > 100 && status < 300)
      this.#openAsCallee(server);
    const dialogId = server.dialog?.id ?? '';
    server.isDone = status >= 200;
    server.lastResponse = text;
    this.#say(peer, text);
    this.#tell(
      `response|${id}|OK|application|${text.length}|${this.#protocolIn(peer)}|${peer.address}|${peer.port}|12:00:00.000000|${txn}|${dialogId}||Msg sent:|\r\n${text}`,
    );
    if (request.cseq.method === 'BYE') this.#dialogs.delete(dialogId);
  }

  #writeResponse(server: ServerTransaction, status: number, { start, fields, body }: Parsed): string {
    const { request, peer } = server;
    const isTarget = request.cseq.method === 'INVITE' || request.cseq.method === 'UPDATE';
    const needsContact = isTarget && status < 300 && !has(fields, 'contact');
    server.tag = tagIn(`;${fields.find(([name]) => name === 'to')?.[1] ?? ''}`) ?? server.tag;
    const isReliable =
      status < 200 && fields.some(([name, value]) => name === 'require' && value.includes('100rel'));
    const to = valueOf(request, 'to');
    const added: Field[] = [
      ['To', to + (tagIn(to) === undefined ? `;tag=${server.tag}` : '')],
      ...copied(request, ['call-id', 'cseq', 'record-route']),
    ];
    if (needsContact) added.push(['Contact', `<${this.#contact(peer.protocol)}>`]);
    if (isReliable) added.push(['RSeq', '1']);
    const given = fields.filter(([name]) => !OWN.includes(name));
    return write(start, [...copied(request, ['via', 'from']), ...added, ...given], body);
  }

  #openAsCallee(server: ServerTransaction): void {
    const { request, peer } = server;
    const remoteTag = tagIn(valueOf(request, 'from')) ?? '';
    const { callId } = request;
    server.dialog = {
      ...{ id: `${callId};from-tag=${remoteTag}`, callId, remoteTag, localTag: server.tag },
      local: valueOf(request, 'to'),
      remote: withoutTag(valueOf(request, 'from')),
      target: uriIn(valueOf(request, 'contact')),
      ...{ seq: 100, peer },
    };
    this.#dialogs.set(server.dialog.id, server.dialog);
  }

  #cancel(id: string, txn: string): void {
    const client = [...this.#clients.values()].find((one) => one.txn === txn);
    if (!client) return this.#tell(`response|${id}|NOK|unable to cancel unknown transaction id: ${txn}`);
    const { start, fields } = parse(client.request);
    const kept = fields.filter(([name]) => ['via', 'from', 'to', 'call-id', 'max-forwards'].includes(name));
    const text = write(start.replace('INVITE', 'CANCEL'), [...kept, ['CSeq', `${client.seq} CANCEL`]], '');
    this.#say(client.peer, text);
    this.#tell(
      `response|${id}|OK|application|${text.length}|${client.peer.protocol}|${this.address}|5060|12:00:00.000000|${randomUUID()}|Msg sent:|\r\n${text}`,
    );
  }

  #inDialog(
    dialog: DaemonDialog,
    method: string,
    lines: readonly string[],
    body: string,
    seq = ++dialog.seq,
  ) {
    const branch = `z9hG4bK${randomBytes(8).toString('hex')}`;
    const text = write(
      `${method} ${dialog.target} SIP/2.0`,
      [
        [
          'Via',
          `SIP/2.0/${dialog.peer.protocol.toUpperCase()} ${this.address}:${this.sipPort(dialog.peer.protocol)};branch=${branch};rport`,
        ],
        ['Max-Forwards', '70'],
        ['From', `${dialog.local};tag=${dialog.localTag}`],
        ['To', `${dialog.remote}${dialog.remoteTag === '' ? '' : `;tag=${dialog.remoteTag}`}`],
        ['Call-ID', dialog.callId],
        ['CSeq', `${seq} ${method}`],
        ...parse(`X\r\n${lines.join('\r\n')}`).fields,
      ],
      body,
    );
    return { text, branch, seq };
  }

  #requestInside(id: string, dialogId: string, sip: string): void {
    const dialog = this.#dialogs.get(dialogId);
    if (!dialog) return this.#tell(`response|${id}|NOK|unable to find dialog for dialog id provided`);
    const { start, fields, body } = parse(sip);
    const [method = ''] = start.split(' ');
    const kept = fields.filter(([name]) => !OWN.includes(name)).map(([name, value]) => `${name}: ${value}`);
    const contact =
      method === 'INVITE' && !has(fields, 'contact')
        ? [`Contact: <${this.#contact(dialog.peer.protocol)}>`]
        : [];
    const invited = method === 'ACK' ? dialog.seq : undefined;
    const { text, branch, seq } = this.#inDialog(dialog, method, [...kept, ...contact], body, invited);
    const txn = randomUUID();
    const client = { txn, method, request: text, peer: dialog.peer, dialog, localTag: dialog.localTag, seq };
    if (method !== 'ACK') this.#clients.set(branch, { ...client, isInitial: false });
    this.#say(dialog.peer, text);
    const { protocol, address, port } = dialog.peer;
    this.#tell(
      `response|${id}|OK|application|${text.length}|${protocol === 'tls' && this.#options.isOld ? 'tcp' : protocol}|${address}|${port}|12:00:00.000000|${txn}|Msg sent:|\r\n${text}`,
    );
  }

  async #requestOutside(id: string, route: string, sip: string): Promise<void> {
    const { start, fields, body } = parse(sip);
    const [method = '', uri = ''] = start.split(' ');
    const peer = await this.#dial(route || uri);
    const field = (wanted: string) => fields.find(([name]) => name === wanted)?.[1];
    const own = this.#contact(peer.protocol);
    const from = (field('from') ?? `<${own}>`).replace('@localhost', `@${this.address}`);
    const localTag = tagIn(from) ?? randomBytes(6).toString('hex');
    const [to, callId] = [field('to') ?? `<${uri}>`, field('call-id') ?? randomUUID()];
    const branch = `z9hG4bK${randomBytes(8).toString('hex')}`;
    const seq = 5000 + this.#clients.size;
    const text = write(
      `${method} ${uri} SIP/2.0`,
      [
        [
          'Via',
          `SIP/2.0/${peer.protocol.toUpperCase()} ${this.address}:${this.sipPort(peer.protocol)};branch=${branch};rport`,
        ],
        ['Max-Forwards', '70'],
        ['From', tagIn(from) === undefined ? `${bracketed(from)};tag=${localTag}` : from],
        ['To', to],
        ['Call-ID', callId],
        ['CSeq', `${seq} ${method}`],
        ...(has(fields, 'contact') ? [] : [['Contact', `<${own}>`] as const]),
        ...fields
          .filter(([name]) => !OWN.includes(name))
          .map(([name, value]) => [name, value.replace('@localhost', `@${this.address}`)] as const),
      ],
      body,
    );
    const txn = randomUUID();
    const dialog: DaemonDialog = {
      ...{ id: `${callId};from-tag=${localTag}`, callId, localTag, remoteTag: '' },
      ...{ local: withoutTag(bracketed(from)), remote: withoutTag(bracketed(to)), target: uri, seq, peer },
    };
    this.#clients.set(branch, {
      txn,
      method,
      request: text,
      peer,
      dialog,
      localTag,
      seq,
      isInitial: method === 'INVITE',
    });
    const protocol = peer.protocol === 'tls' && this.#options.isOld ? 'tcp' : peer.protocol;
    this.#tell(
      `response|${id}|OK|application|${text.length}|${protocol}|${this.address}|${this.sipPort(peer.protocol)}|12:00:00.000000|${txn}|Msg sent:|\r\n${text}`,
    );
    this.#say(peer, text);
  }

  // The network's side.

  #contact(protocol: Peer['protocol']): string {
    return `sip:${this.address}:${this.sipPort(protocol)};transport=${protocol}`;
  }

  #say(peer: Peer, text: string): void {
    this.wire.push(text);
    peer.send(text);
  }

  #protocolIn({ protocol }: Peer): string {
    return protocol === 'tls' && this.#options.isOld ? 'tcp' : protocol;
  }

  async #dial(uri: string): Promise<Peer> {
    const [, scheme, host = '', port = '5060'] = /^<?(sips?):(?:[^@]*@)?([^:;>]+)(?::(\d+))?/.exec(uri) ?? [];
    const transport = scheme === 'sips' ? 'tls' : (/transport=(\w+)/.exec(uri)?.[1] ?? 'udp');
    const at = { address: host, port: Number(port) };
    if (transport === 'udp')
      return { protocol: 'udp', ...at, send: (text) => this.#udp.send(text, at.port, at.address) };
    const socket =
      transport === 'tls'
        ? tls.connect({ host, port: at.port, rejectUnauthorized: false })
        : net.connect({ host, port: at.port });
    await once(socket, transport === 'tls' ? 'secureConnect' : 'connect');
    return this.#accept(socket, transport === 'tls' ? 'tls' : 'tcp');
  }

  #accept(socket: net.Socket, protocol: 'tcp' | 'tls'): Peer {
    this.#connections.add(socket);
    socket.on('error', () => undefined);
    const { remoteAddress = '', remotePort = 0 } = socket;
    const peer: Peer = {
      ...{ protocol, address: remoteAddress, port: remotePort },
      send: (text) => void socket.write(text),
    };
    const framer = new MessageFramer(GATE_LIMITS, {
      onVerdict: (verdict) => verdict.ok && this.#onMessage(verdict.message, peer),
      onBroken: () => socket.destroy(),
    });
    socket.on('data', (data: Buffer) => framer.push(data.toString('latin1')));
    return peer;
  }

  #onDatagram(text: string, address: string, port: number): void {
    const verdict = examineMessage(text, GATE_LIMITS);
    if (!verdict?.ok) return;
    this.#onMessage(verdict.message, {
      ...{ protocol: 'udp', address, port },
      send: (answer) => this.#udp.send(answer, port, address),
    });
  }

  #onMessage(message: GateMessage, peer: Peer): void {
    this.wire.push(textOf(message));
    if (message.start.kind === 'response') this.#onResponse(message, peer);
    else this.#onRequest(message, peer);
  }

  #toApplication(message: GateMessage, peer: Peer, txn: string, dialogId: string, isInitial: boolean): void {
    const text = textOf(message);
    const truth = { protocol: isInitial ? peer.protocol : this.#protocolIn(peer), address: peer.address };
    const listener = { listenerPort: this.sipPort(peer.protocol) };
    const { protocol, address, listenerPort } = { ...truth, ...listener, ...this.claims };
    const local = isInitial ? `${this.address}|${listenerPort}|` : '';
    this.#tell(
      `sip|network|${text.length}|${protocol}|${address}|${peer.port}|12:00:00.000000|${txn}|${dialogId}|${local}\r\n${text}`,
    );
  }

  #onRequest(message: GateMessage, peer: Peer): void {
    const { method } = message.cseq;
    const branch = message.vias[0]?.params.find(({ name }) => name === 'branch')?.value ?? '';
    const toTag = tagIn(valueOf(message, 'to'));
    const repeated = [...this.#servers.values()].find((one) => one.invite === `${method} ${branch}`);
    if (repeated && method !== 'ACK') {
      if (repeated.lastResponse !== undefined) peer.send(repeated.lastResponse);
      return;
    }
    if (method === 'CANCEL') return this.#onCancel(message, peer, branch);
    const dialog = this.#dialogOf(message, peer);
    if (method === 'ACK') {
      if (dialog) this.#toApplication(message, peer, randomUUID(), dialog.id, false);
      return;
    }
    if (toTag !== undefined && !dialog)
      return void this.#say(peer, answer(message, '481 Call/Transaction Does Not Exist'));
    if (method === 'INVITE') this.#say(peer, answer(message, '100 Trying'));
    const txn = (method === 'UPDATE' ? this.#earlyName(dialog) : undefined) ?? randomUUID();
    this.#servers.set(`${txn} ${method}`, {
      ...{ request: message, peer, invite: `${method} ${branch}`, tag: randomBytes(6).toString('hex') },
      ...{ lastResponse: undefined, dialog: toTag === undefined ? undefined : dialog, isDone: false },
    });
    this.#toApplication(
      message,
      peer,
      txn,
      toTag === undefined ? '' : (dialog?.id ?? ''),
      toTag === undefined,
    );
  }

  #dialogOf(message: GateMessage, peer: Peer): DaemonDialog | undefined {
    const { callId, cseq } = message;
    const [fromTag, toTag] = [tagIn(valueOf(message, 'from')), tagIn(valueOf(message, 'to'))];
    const dialog =
      this.#dialogs.get(`${callId};from-tag=${fromTag}`) ?? this.#dialogs.get(`${callId};from-tag=${toTag}`);
    if (!dialog || toTag === undefined) return dialog;
    dialog.peer = peer;
    const contact = valueOf(message, 'contact');
    const isTarget = cseq.method === 'INVITE' || cseq.method === 'UPDATE';
    if (contact !== '' && isTarget) dialog.target = uriIn(contact);
    return dialog;
  }

  /** An UPDATE before the answer comes under the name of the INVITE. */
  #earlyName(dialog: DaemonDialog | undefined): string | undefined {
    if (!dialog) return undefined;
    const incoming = [...this.#servers.entries()].find(
      ([key, one]) => key.endsWith(' INVITE') && one.dialog === dialog && !one.isDone,
    );
    const outgoing = [...this.#clients.values()].find((one) => one.dialog === dialog && one.isInitial);
    return incoming?.[0].split(' ')[0] ?? outgoing?.txn;
  }

  #onCancel(message: GateMessage, peer: Peer, branch: string): void {
    const found = [...this.#servers.entries()].find(([, one]) => one.invite === `INVITE ${branch}`);
    if (!found || found[1].isDone)
      return void this.#say(peer, answer(message, '481 Call/Transaction Does Not Exist'));
    const [key, server] = found;
    this.#say(peer, answer(message, '200 OK'));
    server.lastResponse = answer(server.request, '487 Request Terminated', server.tag);
    server.isDone = true;
    this.#say(peer, server.lastResponse);
    this.#toApplication(message, peer, key.split(' ')[0] ?? '', server.dialog?.id ?? '', false);
  }

  /** A 2xx makes the dialog, and a reliable 1xx does. */
  #openAsCaller(dialog: DaemonDialog, message: GateMessage, status: number): void {
    if (status < 200 && valueOf(message, 'rseq') === '') return;
    dialog.remoteTag = tagIn(valueOf(message, 'to')) ?? '';
    dialog.target = uriIn(valueOf(message, 'contact')) || dialog.target;
    this.#dialogs.set(dialog.id, dialog);
  }

  #onResponse(message: GateMessage, peer: Peer): void {
    const branch = message.vias[0]?.params.find(({ name }) => name === 'branch')?.value ?? '';
    const client = this.#clients.get(branch);
    const { start } = message;
    if (!client || start.kind !== 'response' || message.cseq.method !== client.method) return;
    const { dialog, isInitial } = client;
    const { status } = start;
    if (status >= 200) this.#clients.delete(branch);
    if (client.method === 'INVITE' && status >= 300) peer.send(ackOf(client.request, message));
    else if (isInitial && dialog) this.#openAsCaller(dialog, message, status);
    if (client.method === 'BYE' && dialog) this.#dialogs.delete(dialog.id);
    this.#toApplication(
      message,
      peer,
      client.txn,
      client.method === 'INVITE' || !isInitial ? (dialog?.id ?? '') : '',
      false,
    );
  }
}

type Field = readonly [name: string, value: string];

interface Parsed {
  readonly start: string;
  readonly fields: Field[];
  readonly body: string;
}

/** Field names in lower case. */
function parse(text: string): Parsed {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  const fields = lines.flatMap((line): Field[] => {
    const colon = line.indexOf(':');
    return colon < 1 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]];
  });
  return { start, fields, body: end < 0 ? '' : text.slice(end + 4) };
}

function write(start: string, fields: readonly Field[], body: string): string {
  const isSdp = body.startsWith('v=0') && !has(fields, 'content-type');
  const lines = [
    start,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...(isSdp ? ['Content-Type: application/sdp'] : []),
    `Content-Length: ${Buffer.byteLength(body, 'utf8')}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function has(fields: readonly Field[], wanted: string): boolean {
  return fields.some(([name]) => name.toLowerCase() === wanted);
}

function valueOf({ fields }: GateMessage, wanted: string): string {
  return fields.find(({ key }) => key === wanted)?.value ?? '';
}

function copied({ fields }: GateMessage, names: readonly string[]): Field[] {
  return names.flatMap((name) =>
    fields.filter(({ key }) => key === name).map(({ value }): Field => [name, value]),
  );
}

function textOf({ start, fields, body }: GateMessage): string {
  const line =
    start.kind === 'request'
      ? `${start.method} ${start.uri} SIP/2.0`
      : `SIP/2.0 ${start.status} ${start.reason}`;
  const kept = fields
    .filter(({ key }) => key !== 'content-length')
    .map(({ name, value }): Field => [name, value]);
  return write(line, kept, body);
}

function answer(request: GateMessage, status: string, tag?: string): string {
  const to = valueOf(request, 'to');
  const tagged = tag !== undefined && tagIn(to) === undefined ? `${to};tag=${tag}` : to;
  return write(
    `SIP/2.0 ${status}`,
    [...copied(request, ['via', 'from', 'call-id', 'cseq']), ['To', tagged]],
    '',
  );
}

function ackOf(invite: string, response: GateMessage): string {
  const { start, fields } = parse(invite);
  const kept = fields.filter(([name]) => ['via', 'from', 'call-id', 'max-forwards'].includes(name));
  const cseq: Field = ['CSeq', `${response.cseq.seq} ACK`];
  return write(start.replace('INVITE', 'ACK'), [...kept, ['To', valueOf(response, 'to')], cseq], '');
}

function tagIn(value: string): string | undefined {
  return /;\s*tag=([^;\s]+)/.exec(value)?.[1];
}

function withoutTag(value: string): string {
  return value.replace(/;\s*tag=[^;\s]+/, '');
}

function bracketed(value: string): string {
  return value.includes('<') ? value : `<${value}>`;
}

function uriIn(value: string): string {
  return /<([^>]*)>/.exec(value)?.[1] ?? value.split(';')[0] ?? '';
}
