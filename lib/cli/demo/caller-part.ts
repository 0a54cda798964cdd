// A caller as a process of its own: behind a NAT, with a private address in its SDP and recorded speech to say. It
// speaks latch as `latchkey call` does, or not at all as other phones do; what it hears is told the same way.
import { readFileSync } from 'node:fs';
import { parseCallUri } from '../../sip/index.js';
import { loadMedia } from '../../phone/media-file.js';
import { startTerminal } from '../terminal.js';
import { nowMs } from './clock.js';
import { Ear } from './ear.js';
import { createNatSocket } from './nat-socket.js';
import { answerParent } from './part.js';
import { Phone } from './phone.js';

const LOOPBACK = '127.0.0.1';

export interface CallerOrder {
  readonly name: string;
  readonly uri: string;
  /** The path of the certificate to trust, in PEM. */
  readonly ca: string;
  /** The capture whose speech is played. */
  readonly speech: string;
  readonly insidePort: number;
  readonly privateAddress: string;
  readonly speaksLatch: boolean;
}

interface Call {
  readonly ssrc: number;
  /** The Call-ID. */
  readonly call: string;
  speak(): void;
  hangUp(): Promise<unknown>;
}

const ear = new Ear(nowMs);
/** How often the NAT had rebound when it made the mapping that the datagram in hand came through. */
let epoch = 0;
let call: Call | undefined;

const onRtp = (packet: Uint8Array): void => ear.handle(packet, epoch);

async function dial(order: CallerOrder): Promise<Call> {
  const { insidePort, privateAddress } = order;
  const parsed = parseCallUri(order.uri);
  if (!parsed.ok) throw new Error(parsed.message);
  const { uri } = parsed;
  const media = loadMedia(order.speech);
  const ca = readFileSync(order.ca, 'utf8');
  const createSocket = () =>
    createNatSocket({ insidePort, privateAddress, onEpoch: (seen) => (epoch = seen) });
  if (!order.speaksLatch) return Phone.dial({ uri, ca, media, createSocket, onRtp });
  const signalled = { address: privateAddress };
  // Nobody asks for a password here: it is the name that the server shows.
  const credentials = { user: order.name, password: '' };
  const options = { uri, ca, credentials, listen: LOOPBACK, media, createSocket, signalled };
  const terminal = startTerminal(options);
  terminal.mute(true);
  terminal.on('rtp', onRtp);
  await terminal.answered;
  return {
    ssrc: terminal.ssrc,
    call: terminal.session?.call ?? '',
    speak: () => terminal.mute(false),
    hangUp: () => terminal.hangUp(),
  };
}

function dialled(): Call {
  if (!call) throw new Error('there is no call');
  return call;
}

const questions = {
  /** Calls; answered when the server has. Says nothing yet. */
  dial: async (order: CallerOrder) => {
    call = await dial(order);
    return { ssrc: call.ssrc, call: call.call };
  },
  /** Who is the other caller. */
  expect: (ssrc: number) => ear.expect(ssrc),
  speak: () => dialled().speak(),
  measureFrom: (ms: number) => ear.measureFrom(ms),
  report: () => ear.report(),
  hangUp: async () => {
    await call?.hangUp();
  },
};

export type CallerQuestions = typeof questions;

answerParent(questions);
