// The core without sockets and without a clock: for those who have their own transport, a test in virtual time, or a
// capture to replay. Bytes and time go in; transmissions, events and the next time come out.
import { createNodeRandom, formatAddress, nodeCrypto } from 'latchkey';
import { Engine } from 'latchkey/core';

const describe = (address: string, port: number) =>
  ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', `c=IN IP4 ${address}`, 't=0 0']
    .concat(`m=audio ${port} RTP/AVP 0`, 'a=rtcp-mux', '')
    .join('\r\n');

const phoneAddress = { address: '10.0.0.2', port: 4000 };
const serverAddress = { address: '198.51.100.1', port: 5000 };
/** What the NAT makes of the phone's address. */
const mapping = { address: '203.0.113.7', port: 61234 };

const phone = new Engine({}, nodeCrypto, createNodeRandom());
const server = new Engine({}, nodeCrypto, createNodeRandom());
const phonePort = phone.openPort(phoneAddress);
const serverPort = server.openPort(serverAddress);
const near = phone.createSession({ role: 'prover', signalling: 'encrypted' });
const far = server.createSession({ role: 'verifier', signalling: 'encrypted' });

let nowMs = 0;
near.component(0, 1).attach(phonePort, nowMs);
far.component(0, 1).attach(serverPort, nowMs);
far.setRemote(near.setLocal(describe(phoneAddress.address, phoneAddress.port), nowMs), nowMs);
near.setRemote(far.setLocal(describe(serverAddress.address, serverAddress.port), nowMs), nowMs);

/** Carries over what the two want to send; the server sees the phone where the NAT puts it. */
function carry(): void {
  let isQuiet: boolean;
  do {
    isQuiet = true;
    for (let sent = phone.pollTransmit(); sent; sent = phone.pollTransmit(), isQuiet = false)
      server.handleDatagram(serverPort, sent.bytes, mapping.address, mapping.port, nowMs);
    for (let sent = server.pollTransmit(); sent; sent = server.pollTransmit(), isQuiet = false)
      phone.handleDatagram(phonePort, sent.bytes, serverAddress.address, serverAddress.port, nowMs);
  } while (!isQuiet);
}

// The law of the core: after every handle… call drain what it has to send, to deliver (pollDelivery: media that was held while
// its source was on trial; none here) and to tell, then ask when to call again.
while (nowMs < 1000) {
  carry();
  for (let event = server.pollEvent(); event; event = server.pollEvent())
    console.log(`${nowMs} ms: ${event.type}${event.remote ? ` ${formatAddress(event.remote)}` : ''}`);
  nowMs = Math.min(phone.pollTimeout() ?? 1000, server.pollTimeout() ?? 1000);
  phone.handleTimeout(nowMs);
  server.handleTimeout(nowMs);
}

const destination = far.component(0, 1).handleSend(new Uint8Array(172), nowMs);
console.log(
  `media for ${formatAddress(phoneAddress)} goes to ${destination ? formatAddress(destination) : 'nobody'}`,
);
