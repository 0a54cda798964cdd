// Every entry and every plugin checks its options by the rules of the root: what is misspelt or wrong is told by its name.
import assert from 'node:assert/strict';
import sip from 'sip';
import { packetizePcmu, playFromCapture, playFromWav, playTone } from '../../lib/capture/index.js';
import { createLatchkey, LatchkeyError } from '../../lib/index.js';
import { answerOffer, createOffer, createRooms } from '../../lib/room/index.js';
import { createDistributionServer } from '../../lib/server/index.js';
import { latchSip } from '../../plugins/sip/index.js';
import { createWatch } from '../../plugins/watch/index.js';
import { FakeServer } from './watch-server.js';
import {
  createRtpSessionDescriptionHandlerFactory,
  createTransportConstructor,
  latchSessionDescriptionHandlerFactory,
} from '../../plugins/sip-js/index.js';

const latchkey = createLatchkey();
const latch = latchSip(sip, latchkey);
const nothing = () => undefined;
const port = { on: nothing, off: nothing, send: nothing };
const ports = { address: '192.0.2.1', rtpPort: 4000 };
const rtp = { latchkey, address: '192.0.2.1' };
const leg = { call: 'c', streams: [] };

type Options = Record<string, unknown>;
/** What takes options, some that are right, and each wrong one with what the error says. */
type Row = readonly [string, (options: never) => unknown, Options, ...(readonly [Options, RegExp])[]];

const TABLE: readonly Row[] = [
  [
    'latchSip',
    (options) => latchSip(sip, latchkey, options),
    { policy: 'require', role: 'prover', ringingMs: 0, shownRanges: ['192.0.2.0/24'], limits: {} },
    [{ polcy: 'require' }, /latchSip has no option "polcy": it has role, policy/],
    [{ policy: 'strict' }, /"policy" accepts 'require', 'prefer', 'legacy', 'blind'; it is 'strict'/],
    [{ role: 'client' }, /"role" accepts 'verifier', 'prover'; it is 'client'/],
    [{ ringingMs: '5' }, /"ringingMs"/],
    [{ maxSilenceMs: -1 }, /"maxSilenceMs"/],
    [{ resolve: 'dns' }, /"resolve" accepts a function/],
    [{ shownRanges: '192.0.2.0/24' }, /"shownRanges"/],
    [{ shownRanges: ['192.0.2.0/33'] }, /"shownRanges" accepts ranges of addresses/],
    [{ shownRanges: ['192.0.2.0/24/8'] }, /"shownRanges"/],
    [{ limits: { maxConnection: 1 } }, /limits has no option "maxConnection"/],
    [{ limits: { maxConnections: 0 } }, /"limits.maxConnections" accepts a whole number/],
    [{ limits: 7 }, /"?limits"? accepts an object of options; it is 7/],
    [
      { ports: [40_000] },
      /"ports" accepts a function \(\) => Promise<\{ rtp, rtcp\?, release\(\) \} \| undefined>/,
    ],
  ],
  [
    'latch.create',
    (options) => latch.create(options, nothing).destroy(),
    { address: '127.0.0.1', port: 0, tcp: false, logger: {} },
    [{ adress: '127.0.0.1' }, /create has no option "adress"/],
    [{ port: 65536 }, /"port"/],
    [{ tls: true }, /"tls"/],
    [{ maxLines: 0 }, /"maxLines" accepts a whole number above 0; it is 0/],
    [{ maxLines: '7' }, /"maxLines"/],
    [{ maxMessageBytes: NaN }, /"maxMessageBytes"/],
    [{ maxLineBytes: null }, /"maxLineBytes"/],
    [{ maxBytesHeaders: 1.5 }, /"maxBytesHeaders"/],
    [{ maxContentLength: -1 }, /"maxContentLength"/],
    [{ logger: { recieve: nothing } }, /logger has no option "recieve"/],
    [{ doorkeeper: { look: nothing } }, /"doorkeeper" accepts an object with look and admit/],
    [{ origins: 'https://a' }, /"origins"/],
  ],
  [
    'latch.listen',
    async (options) => (await latch.listen(options, nothing)).close(),
    { address: '127.0.0.1', udp: 0 },
    [{ address: undefined }, /"address" accepts an IP address; it is undefined/],
    [{ upd: 0 }, /listen has no option "upd"/],
    [{ tls: '5061' }, /"tls"/],
    [{ rejectUnauthorized: 0 }, /"rejectUnauthorized" accepts true or false/],
  ],
  [
    'latchSessionDescriptionHandlerFactory',
    (options) => latchSessionDescriptionHandlerFactory(nothing as never, latchkey, options),
    { role: 'verifier', onSession: nothing },
    [{ rol: 'verifier' }, /has no option "rol"/],
    [{ role: 'server' }, /"role"/],
    [{ policy: 'none' }, /"policy"/],
    [{ ports: {} }, /"ports" accepts a function/],
    [{ onSession: true }, /"onSession" accepts a function/],
  ],
  [
    'createRtpSessionDescriptionHandlerFactory',
    createRtpSessionDescriptionHandlerFactory,
    { ...rtp, formats: [{ payloadType: 0, codec: 'PCMU/8000' }] },
    [{ latchkey: {} }, /"latchkey" accepts what createLatchkey makes/],
    [{ address: 'localhost' }, /"address" accepts an IP address/],
    [{ format: [] }, /has no option "format"/],
    [{ formats: [{ payloadType: 128, codec: 'a' }] }, /"formats\[0\].payloadType" accepts .* 127; it is 128/],
    [{ formats: [{ payloadType: 1, codec: 'a', ftmp: '' }] }, /formats\[0\] has no option "ftmp"/],
    [{ onMedia: null }, /"onMedia"/],
  ],
  [
    'createTransportConstructor',
    (options) => createTransportConstructor(Object as never, Object as never, options),
    { ca: ['pem'], rejectUnauthorized: true },
    [{ rejectUnauthorised: false }, /has no option "rejectUnauthorised"/],
    [{ rejectUnauthorized: 'no' }, /"rejectUnauthorized"/],
    [{ ca: 7 }, /"ca"/],
  ],
  [
    'createDistributionServer',
    createDistributionServer,
    { listen: { address: '127.0.0.1' }, rooms: {} },
    [{ room: {} }, /createDistributionServer has no option "room"/],
    [{ latchkey: { polcy: 'require' } }, /createLatchkey has no option "polcy"/],
    [{ listen: { adress: '127.0.0.1' } }, /listen has no option "adress"/],
    [{ listen: { udp: 65536 } }, /"listen.udp"/],
    [{ admission: { user: new Map() } }, /admission has no option "user"/],
    [{ admission: { trunks: ['192.0.2.0'] } }, /"admission.trunks"/],
    [{ media: { kind: 'range', low: 1, height: 9 } }, /media has no option "height"/],
    [{ rooms: { random: 4 } }, /"rooms.random" accepts a function/],
  ],
  [
    'createRooms',
    createRooms,
    { random: () => 4 },
    [{ rnd: () => 4 }, /createRooms has no option "rnd"/],
    [{ nowMs: 4 }, /"nowMs" accepts a function/],
  ],
  [
    'rooms.join',
    (options) => createRooms().join('tea', options),
    leg,
    [{ session: 7 }, /"session"/],
    [{ stream: [] }, /join has no option "stream"/],
    [{ call: undefined }, /"call"/],
    [{ streams: [{ rtp: port }] }, /"streams\[0\].stream"/],
    [{ streams: [{ stream: {}, rtp: { send: nothing } }] }, /"streams\[0\].rtp" accepts a port/],
  ],
  [
    'answerOffer',
    (options) => answerOffer('v=0', options),
    ports,
    [{ adress: '192.0.2.1' }, /answerOffer has no option "adress"/],
    [{ address: 'host' }, /"address"/],
    [{ rtpPort: 70_000 }, /"rtpPort"/],
    [{ ports: {} }, /"ports"/],
  ],
  [
    'createOffer',
    createOffer,
    { ...ports, rtcpMux: true },
    [{ rtcpMux: 1 }, /"rtcpMux"/],
    [{ sessionId: 'x\r\ny' }, /"sessionId"/],
  ],
  [
    'createWatch',
    createWatch,
    { server: new FakeServer(), listen: { port: 8080, address: '::1' } },
    [{ sever: 1 }, /createWatch has no option "sever"/],
    [{ server: {} }, /"server" accepts what createDistributionServer makes/],
    [{ token: 'short' }, /"token" accepts 16 to 128 characters of base64url/],
    [{ maxViewers: 0 }, /"maxViewers" accepts a whole number above 0; it is 0/],
    [{ listen: { port: 65536 } }, /"listen.port"/],
    [{ listen: { host: 'a/b' } }, /"listen.host" accepts a host name or an IP address/],
    [{ listen: { origins: ['meeting.example'] } }, /"listen.origins" accepts origins such as/],
    [{ video: {} }, /"video.open" accepts a function/],
    [{ video: { open: nothing, maxStream: 1 } }, /video has no option "maxStream"/],
    [{ listen: { cert: 'PEM' } }, /listen.cert and listen.key go together/],
    [{ listen: { address: '192.0.2.1' } }, /192.0.2.1 is not loopback: it needs listen.cert and listen.key/],
  ],
  ['packetizePcmu', (options) => packetizePcmu([0], options), { ssrc: 0 }, [{ ssrc: -1 }, /"ssrc"/]],
  ['playTone', (options) => playTone(1, options), { ssrc: 1 }, [{ ssrx: 1 }, /has no option "ssrx"/]],
  [
    'playFromCapture',
    (options) => playFromCapture(new Uint8Array(4), options),
    { ssrc: 1 },
    [{ ssrc: 2 ** 32 }, /"ssrc"/],
  ],
  ['playFromWav', (options) => playFromWav(new Uint8Array(4), options), {}, [{ ssrc: '1' }, /"ssrc"/]],
];

async function refusal(take: Row[1], options: unknown): Promise<string> {
  try {
    await take(options as never);
  } catch (error) {
    assert.ok(error instanceof LatchkeyError, String(error));
    assert.equal(error.code, 'LATCHKEY_OPTION');
    return error.message;
  }
  return 'accepted';
}

describe('options of every entry', () => {
  after(() => latchkey.close());

  for (const [name, take, right, ...wrong] of TABLE) {
    it(`${name}: what is right is taken`, async () => {
      const told = await refusal(take, right);
      assert.ok(told === 'accepted' || !told.includes('option'), told);
    });
    for (const [options, message] of wrong)
      it(`${name} tells what is wrong with ${Object.keys(options).join()}: ${message.source}`, async () => {
        assert.match(await refusal(take, { ...right, ...options }), message);
      });
    it(`${name} wants an object`, async () => {
      for (const value of [null, 7, 'policy'])
        assert.match(await refusal(take, value), /an object of options/);
    });
  }
});
