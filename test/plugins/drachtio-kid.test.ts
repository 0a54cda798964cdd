// plugins/drachtio on the real drachtio-srf: calls whose key is in another process (protocol.md 2: "a verifier that has to fetch it waits
// with the answer"). The daemon is the stand-in of drachtio-daemon.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type Srf from 'drachtio-srf';
import type { LatchkeyOptions } from '../../lib/index.js';
import { unrefLongTimers } from '../cli/plain-server.js';
import { until } from '../net/sockets.js';
import { Application, describe4, LATCH_LINE } from './drachtio-phones.js';
import type { Phone } from './drachtio-phones.js';
import { KEY, KeyStore } from './key-store.js';

const KID = 'phone-7_a';
const kidIn = (body: string): string | undefined => / kid=(\S+)/.exec(body)?.[1];

describe('drachtio: a key that kid names, in another process', () => {
  let application: Application;
  let store: KeyStore;
  let dialogs: Srf.Dialog[];
  let requests: Srf.SrfRequest[];
  let refTimers: () => void;
  before(() => (refTimers = unrefLongTimers()));
  after(() => refTimers());
  afterEach(() => application.close());

  /** An application that answers every call with an echo. */
  async function start(options: LatchkeyOptions = {}): Promise<void> {
    store = new KeyStore();
    [dialogs, requests] = [[], []];
    application = await Application.start({
      latchkey: { fetchKey: store.fetchKey, ...options },
    });
    const answer = async (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      requests.push(req);
      const session = application.latch.session(req);
      const localSdp = describe4(await application.echo(session!));
      dialogs.push(await application.srf.createUAS(req, res, { localSdp }));
    };
    application.srf.invite((req, res) => void answer(req, res));
  }

  async function phone(kid = KID): Promise<Phone> {
    const one = await application.phone();
    one.session!.addKey(kid, KEY);
    return one;
  }

  it('an INVITE waits for it, and is then answered with latch; a later offer with another name too', async () => {
    await start({ policy: 'require' });
    const caller = await phone();
    const answered = caller.invite();
    await store.askedFor(1);
    assert.deepEqual([requests.length, application.sessions.length], [0, 0]);
    store.give();
    const first = await answered;
    assert.deepEqual([first.status, kidIn(first.body)], [200, KID]);
    await application.verified();
    await until(() => dialogs.length === 1);
    assert.doesNotMatch(requests[0]!.body + dialogs[0]!.remote.sdp + application.shown, /a=latch/);

    // The call has this one.
    assert.equal((await caller.invite('a=sendonly')).status, 200);
    assert.deepEqual(store.asked, [KID]);
    caller.renew();
    caller.session!.addKey('another', KEY);
    const changed = caller.invite();
    await store.askedFor(2);
    store.give();
    assert.equal(kidIn((await changed).body), 'another');
    await application.verified(2);
  });

  it('a CANCEL meanwhile: 487, and the application has seen neither', async () => {
    await start();
    const caller = await phone();
    caller.send('INVITE', { body: caller.description('offer') });
    await store.askedFor(1);
    caller.cancel();
    await caller.response(487);
    await until(() => application.daemon.told.some((line) => line.includes('CANCEL sip:')));
    store.give();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([requests.length, application.sessions.length, application.ended.length], [0, 0, 0]);
    assert.deepEqual(application.faults, []);
  });

  it('a BYE meanwhile: the re-INVITE gets 487', async () => {
    await start();
    const caller = await phone();
    const up = caller.invite();
    await store.askedFor(1);
    store.give();
    await up;
    await until(() => dialogs.length === 1);
    caller.renew();
    caller.session!.addKey('another', KEY);
    const changed = caller.ask('INVITE', { body: caller.description('offer') });
    await store.askedFor(2);
    assert.equal((await caller.ask('BYE')).status, 200);
    store.give();
    assert.equal((await changed).status, 487);
    assert.equal(application.ended[0]?.reason, 'bye');
  });

  it('one that cannot be had: the policy decides', async () => {
    await start();
    application.latchkey.on('fetchFailed', () => undefined);
    const caller = await phone();
    const answered = caller.invite();
    await store.askedFor(1);
    store.fail(new Error('the store is down'));
    const { status, body } = await answered;
    assert.equal(status, 200);
    assert.doesNotMatch(body, LATCH_LINE);
    assert.equal(application.latchkey.keyFetches.failed, 1);
  });

  it('a connection to the daemon that breaks meanwhile: no call begins', async () => {
    await start();
    const caller = await phone();
    void caller.invite().catch(() => undefined);
    await store.askedFor(1);
    const broken = once(application.srf, 'connect');
    application.daemon.dropApplication();
    // drachtio-srf connects anew.
    await broken;
    store.give();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([requests.length, application.latchkey.sessions.size], [0, 0]);
  });
});
