// The voice agent of docs/examples/voice-agent-sip.ts behind Asterisk (16.6 or later), over its REST interface, ARI: Asterisk has the phones, and
// each call's audio comes here as external media. No SDP tells where that comes from, but two variables of the channel do: that is what `expect`
// is told, and who else sends to our port is not heard. Its dialplan: `exten => agent,1,Stasis(voice-agent)`.
// Run: `node --import=tsx docs/examples/voice-agent-ari.ts ws://SERVICE http://USER:PASSWORD@ASTERISK:8088 ADDRESS`, an ADDRESS of ours that Asterisk
// reaches.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { createLatchkey } from 'latchkey';
import { createVoice } from 'latchkey/audio';

/** What is read of an event of ARI. */
interface AriEvent {
  readonly type: string;
  readonly channel?: { readonly id: string };
  readonly digit?: string;
}

/** A caller's channel in our hands: whoever aborts it hangs up. */
interface Call extends AbortController {
  readonly service: WebSocket;
}

const [service = 'ws://127.0.0.1:8080', url = 'http://agent:secret@127.0.0.1:8088', ...rest] =
  process.argv.slice(2);
const [address = '127.0.0.1'] = rest;
const { username, password, protocol, host } = new URL(url);
const credentials = [username, password].map(decodeURIComponent).join(':');
const headers = { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
const isEncrypted = protocol === 'https:';

const app = 'voice-agent';
const latchkey = createLatchkey();
const calls = new Map<string, Call>();
/** Tells of each channel of ours when it is in the application: a bridge takes it no earlier. */
const arrivals = new EventTarget();
let asterisk: string | undefined;

const events = new WebSocket(`${isEncrypted ? 'wss' : 'ws'}://${host}/ari/events?app=${app}`, { headers });
events.on('upgrade', ({ socket }) => (asterisk = socket.remoteAddress));
events.on('open', () => console.log('connected', asterisk));
events.on('error', console.error);
events.on('close', end);
events.on('message', (data: Buffer) => {
  const { type, channel: { id } = { id: '' }, digit } = JSON.parse(data.toString()) as AriEvent;
  const call = calls.get(id);
  if (type === 'StasisStart' && id.startsWith(`${app}-`)) arrivals.dispatchEvent(new Event(id));
  else if (type === 'StasisStart') take(id);
  else if (type === 'StasisEnd') call?.abort();
  else if (type === 'ChannelDtmfReceived' && call?.service.readyState === WebSocket.OPEN)
    call.service.send(JSON.stringify({ event: 'dtmf', digit }));
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);

/** Asks Asterisk. What is to be deleted and is not there is deleted. */
async function ask(method: string, path: string, query: Record<string, string> = {}): Promise<unknown> {
  const target = `${protocol}//${host}/ari/${path}?${new URLSearchParams(query).toString()}`;
  const response = await fetch(target, { method, headers, signal: AbortSignal.timeout(5000) });
  const text = await response.text();
  if (!response.ok && !(method === 'DELETE' && response.status === 404))
    throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

function take(caller: string): void {
  const socket = new WebSocket(service, { handshakeTimeout: 5000 }).on('error', console.error);
  const call: Call = Object.assign(new AbortController(), { service: socket });
  calls.set(caller, call);
  socket.on('close', () => call.abort());
  serve(caller, call).catch(console.error);
}

/** The call from its first moment until nothing is left of it. */
async function serve(caller: string, { service: socket, signal }: Call): Promise<void> {
  const [media, bridge] = [`${app}-media-${caller}`, `${app}-bridge-${caller}`];
  const session = latchkey.createSession({ signalling: isEncrypted ? 'encrypted' : 'clear', call: caller });
  session.on('locked', ({ remote }) => console.log('locked', remote));
  const rtp = createSocket('udp4').bind(0, address);
  try {
    await Promise.all([once(rtp, 'listening'), once(socket, 'open', { signal })]);
    const port = session.bind(rtp);
    const voice = createVoice(port);
    voice.on('frame', (pcm) => socket.send(pcm));
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) voice.play(data);
      else if (/"event":\s*"clear"/.test(data.toString())) voice.clear();
    });

    const arrived = once(arrivals, media, { signal });
    arrived.catch(() => undefined);
    const external_host = `${address}:${port.local.port}`;
    await ask('POST', 'channels/externalMedia', { app, channelId: media, external_host, format: 'ulaw' });
    await arrived;
    const [from, fromPort] = await Promise.all([
      variable(media, 'UNICASTRTP_LOCAL_ADDRESS'),
      variable(media, 'UNICASTRTP_LOCAL_PORT'),
    ]);
    // Asterisk sends from when the bridge is there, and by then it is known what to expect.
    session.peer({ address: asterisk, transport: isEncrypted ? 'wss' : 'ws' });
    session.expect({ address: { address: from, port: Number(fromPort) }, payloadTypes: [0] });
    session.confirm();
    voice.answer(offerOf(from, fromPort));
    await ask('POST', `channels/${caller}/answer`);
    await ask('POST', 'bridges', { type: 'mixing', bridgeId: bridge });
    await ask('POST', `bridges/${bridge}/addChannel`, { channel: `${caller},${media}` });
    if (!signal.aborted) await once(signal, 'abort');
  } catch (error) {
    if (!signal.aborted) console.error(error);
  } finally {
    calls.delete(caller);
    session.close();
    rtp.close();
    socket.terminate();
    const left = [`bridges/${bridge}`, `channels/${media}`, `channels/${caller}`];
    const gone = await Promise.allSettled(left.map((path) => ask('DELETE', path)));
    for (const one of gone) if (one.status === 'rejected') console.error(one.reason);
  }
}

async function variable(channel: string, name: string): Promise<string> {
  const { value } = (await ask('GET', `channels/${channel}/variable`, { variable: name })) as {
    value: string;
  };
  return value;
}

/** Asterisk sends what it was asked for, and offers nothing: this is what it would say. */
function offerOf(from: string, port: string): string {
  const lines = ['v=0', `o=- 1 1 IN IP4 ${from}`, 's=-', `c=IN IP4 ${from}`, 't=0 0'];
  return [...lines, `m=audio ${port} RTP/AVP 0`, ''].join('\r\n');
}

/** Hangs up, and takes no more: then the process ends. Also when Asterisk has gone: whoever runs this starts it anew. */
function end(): void {
  events.close();
  for (const call of calls.values()) call.abort();
}
