// A server on the sip package that takes no call: it prints what it believes of where each INVITE comes from, one JSON object a
// line. Run: `node test/lab/home-teller.mjs ADDRESS PORT [PROXY]`: where it listens, by UDP and by TLS, and the range of its trusted proxies.
import { createRequire } from 'node:module';
import { createLatchkey } from '../../dist/lib/index.js';
import { createCertificate } from '../../dist/lib/cli/certificate.js';
import { latchSip } from '../../dist/plugins/sip/index.js';

const [address = '', port = '', ...trustedProxies] = process.argv.slice(2);
const sip = createRequire(import.meta.url)('sip');
const latchkey = createLatchkey();
const tell = (line) => console.log(JSON.stringify(line));

const createSession = latchkey.createSession.bind(latchkey);
latchkey.createSession = (options) => {
  tell({ event: 'session', signalling: options.signalling, peer: options.peer });
  return createSession(options);
};

const latch = latchSip(sip, latchkey, { trustedProxies });
const { cert, key } = await createCertificate([address]);
await latch.listen({ address, udp: Number(port), tls: Number(port), cert, key }, ({ request, stack }) => {
  if (request.method === 'INVITE') stack.send(sip.makeResponse(request, 486, 'Busy Here'));
});
tell({ event: 'listening' });
