// Tries the addon of a built package with whatever Node runs this, another machine's under an emulator too: `NODE .ci/addon-trial.mjs
// [FOLDER]`, of the package; without it this one. Runs of datagrams between batched sockets of both families, and SRTP, byte for byte
// beside the reference.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const load = (file) => import(pathToFileURL(join(folder, 'dist/lib', file)).href);
const { openSocket, whyNoBatch } = await load('index.js');
const { fastSrtpCrypto, nodeSrtpCrypto } = await load('net/node-srtp-crypto.js');
const { SRTP_SUITES, SrtpSender } = await load('srtp/index.js');

const RUN = 40;
const RECEIVERS = 5;
const PATIENCE_MS = 30_000;

assert.equal(whyNoBatch(), undefined);
for (const address of ['127.0.0.1', '::1']) {
  const open = () => openSocket({ address, io: 'batch', receiveBufferBytes: 1 << 20 });
  const from = await open();
  const arrived = await Promise.all(
    Array.from({ length: RECEIVERS }, async () => {
      const to = await open();
      const bytes = [];
      const isDone = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${bytes.length} of ${RUN} arrived`)), PATIENCE_MS);
        to.receive({
          onBatch(batch) {
            for (const datagram of batch) {
              assert.deepEqual({ ...datagram.source }, from.local);
              bytes.push(datagram.bytes);
            }
            if (bytes.length < RUN) return;
            clearTimeout(timer);
            resolve(bytes);
          },
          onError: reject,
          onClose: () => undefined,
        });
      });
      return { to, isDone };
    }),
  );
  const packets = Array.from({ length: RUN }, (_, i) => randomBytes(i < RUN / 2 ? 172 : 1 + i));
  for (const packet of packets)
    for (const { to } of arrived)
      from.send(packet, to.local.port, address, (error) => assert.equal(error, null));
  from.flush();
  for (const { to, isDone } of arrived) {
    assert.deepEqual(await isDone, packets);
    assert.equal(to.kernelDrops, 0);
    to.close();
  }
  from.close();
  console.log(`${address}: ${RECEIVERS} runs of ${RUN} datagrams, whole and in their order`);
}
for (const suite of SRTP_SUITES) {
  const master = {
    suite,
    key: randomBytes(suite.keySizeBytes),
    salt: randomBytes(suite.saltSizeBytes),
  };
  const [plain, fast] = [nodeSrtpCrypto, fastSrtpCrypto].map((crypto) => new SrtpSender(crypto, master));
  for (let sequence = 0; sequence < 200; sequence++) {
    const packet = Buffer.concat([
      Buffer.from([0x80, 0, 0, sequence]),
      randomBytes(4),
      Buffer.from('ssrc'),
      randomBytes(7 * sequence),
    ]);
    const sealed = plain.protectRtp(packet);
    assert.ok(sealed.length > packet.length);
    assert.deepEqual(fast.protectRtp(packet), sealed);
  }
}
console.log(`SRTP, ${SRTP_SUITES.length} suites: byte for byte`);
console.log(`the addon for ${process.platform}-${process.arch} works in Node ${process.version}`);
