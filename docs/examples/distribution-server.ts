// A distribution server as a part of a program: whoever calls sip:NAME@host meets everybody else in the room NAME, and
// sip:echo@host returns the caller's own media. Run: `node --import=tsx docs/examples/distribution-server.ts [CERT KEY]`, both
// PEM; without them it listens on UDP and TCP of this machine only. SIGTERM or Ctrl-C hangs up and ends it.
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import sip from 'sip';
import { createDistributionServer } from 'latchkey/server';
import { latchSip } from 'latchkey/sip';

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));

const server = createDistributionServer({
  latchkey: { policy: 'prefer' },
  signalling: (latchkey) => latchSip(sip, latchkey),
  listen: { address: '127.0.0.1', udp: 'auto', tcp: 'auto', tls: cert ? 'auto' : 0, cert, key },
  media: { kind: 'shared', port: 'auto' },
});
server.on('joined', ({ room, call }) => console.log('joined', room, call));
server.on('latch', (event) => {
  if (event.type === 'verified') console.log('verified', event.mapping, event.nat);
});
server.on('left', ({ room, call }) => console.log('left', room, call));
console.log('listening', JSON.stringify(await server.start()));

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
for (const { room, protection, paths, sends, reports } of server.snapshot().calls) {
  console.log('in', room, 'protected by', protection, 'at', paths[0]?.remote);
  for (const { packets, lost, jitterMs } of sends) console.log('sent', packets, lost, jitterMs);
  for (const { fractionLost, roundTripMs } of reports) console.log('hears', fractionLost, roundTripMs);
}
await server.close({ graceMs: 1000 });
