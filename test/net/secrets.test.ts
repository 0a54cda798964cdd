// protocol.md P7, as far as lib/net goes: nothing that an application may print has a secret, a word or a key in it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { Callers, exchange, sdpFor, sdpOf } from './call.js';
import { Sockets } from './sockets.js';

describe('net: secrets', () => {
  const sockets = new Sockets();

  afterEach(() => sockets.closeAll());

  it('show in no inspected object, event, counter or JSON', async () => {
    const callers = new Callers();
    const [near, far] = [await sockets.bound(), await sockets.bound()];
    const call = callers.sessions('secret');
    const printed: unknown[] = [];
    callers.servers.on('event', (event) => printed.push(event));
    callers.clients.on('event', (event) => printed.push(event));
    const port = call.client.bind(near);
    const guard = call.server.guard(far);
    const sent: string[] = [];
    const setLocal = {
      client: call.client.setLocal.bind(call.client),
      server: call.server.setLocal.bind(call.server),
    };
    call.client.setLocal = (...args) => (sent.push(setLocal.client(...args)), sent.at(-1) ?? '');
    call.server.setLocal = (...args) => (sent.push(setLocal.server(...args)), sent.at(-1) ?? '');
    exchange(call, sdpFor('10.9.8.7', 4000), sdpOf(far));
    await once(call.server, 'verified');
    printed.push(callers.clients, callers.servers, call.client, call.server, port, guard, near, far);
    printed.push(call.server.streams, call.server.counters, callers.servers.counters);
    const texts = printed.map((value) =>
      inspect(value, { depth: Infinity, showHidden: true, getters: true }),
    );
    for (const value of printed.slice(0, -11)) texts.push(JSON.stringify(value));
    const words = sent.flatMap(
      (sdp) => sdp.match(/[A-Za-z0-9_-]{43}|(?<=latch-challenge:)[A-Za-z0-9_-]{22}/g) ?? [],
    );
    assert.equal(words.length >= 3, true);
    for (const text of texts)
      for (const word of words) {
        const bytes = Buffer.from(word, 'base64url');
        assert.equal(text.includes(word), false);
        assert.equal(text.includes(bytes.toString('hex').slice(0, 16)), false);
        assert.equal(text.includes(inspect(bytes).slice(8, 40)), false);
      }
    callers.close();
  });
});
