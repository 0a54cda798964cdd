// The NAT of the tests does what RFC 4787 says of each behaviour: otherwise the matrix would prove nothing.
import assert from 'node:assert/strict';
import type { TransportAddress } from '../../lib/wire/address.js';
import { Clock } from './clock.js';
import { Nat, behaviours } from './nat.js';
import type { Behaviour, NatOptions } from './nat.js';
import { Network, instantLink } from './network.js';
import type { Datagram, Node } from './network.js';
import { Prng } from './prng.js';

class Listener implements Node {
  readonly name: string;
  readonly heard: Datagram[] = [];

  constructor(network: Network, name: string, addresses: readonly string[]) {
    this.name = name;
    for (const address of addresses) network.attach(address, this, instantLink);
  }

  handleDatagram(datagram: Datagram): void {
    this.heard.push(datagram);
  }
}

const one = { address: '203.0.113.1', port: 1000 };
const sameHost = { address: '203.0.113.1', port: 2000 };
const otherHost = { address: '203.0.113.2', port: 1000 };
const inside = { address: '10.0.0.2', port: 5004 };

function setUp(options: Partial<NatOptions> = {}) {
  const clock = new Clock();
  const internet = new Network(clock, new Prng(1));
  const nat = new Nat(internet, {
    name: 'nat',
    address: '198.51.100.7',
    mapping: 'endpoint-independent',
    filtering: 'endpoint-independent',
    link: instantLink,
    ...options,
  });
  const outside = new Listener(internet, 'outside', [one.address, otherHost.address]);
  const client = new Listener(nat.inside, 'client', [inside.address]);
  const talk = (destination: TransportAddress): TransportAddress => {
    nat.inside.send({ source: inside, destination, bytes: new Uint8Array(1), origin: 'client' });
    clock.runFor(1);
    return (outside.heard.at(-1) as Datagram).source;
  };
  const isLetIn = (source: TransportAddress, destination: TransportAddress): boolean => {
    const before = client.heard.length;
    internet.send({ source, destination, bytes: new Uint8Array(1), origin: 'outside' });
    clock.runFor(1);
    return client.heard.length > before;
  };
  return { clock, internet, nat, talk, isLetIn, client, outside };
}

describe('the NAT of the tests', () => {
  const ports: Record<Behaviour, { sameHost: boolean; otherHost: boolean }> = {
    'endpoint-independent': { sameHost: true, otherHost: true },
    'address-dependent': { sameHost: true, otherHost: false },
    'address-and-port-dependent': { sameHost: false, otherHost: false },
  };
  for (const mapping of behaviours)
    it(`keeps its port for another destination as ${mapping} mapping says`, () => {
      const { talk } = setUp({ mapping });
      const { port } = talk(one);
      assert.equal(talk(one).port, port);
      assert.equal(talk(sameHost).port === port, ports[mapping].sameHost);
      assert.equal(talk(otherHost).port === port, ports[mapping].otherHost);
    });

  for (const filtering of behaviours)
    it(`lets in what ${filtering} filtering says`, () => {
      const { talk, isLetIn } = setUp({ filtering });
      const mapped = talk(one);
      assert.equal(isLetIn(one, mapped), true);
      assert.equal(isLetIn(sameHost, mapped), ports[filtering].sameHost);
      assert.equal(isLetIn(otherHost, mapped), ports[filtering].otherHost);
    });

  it('kills the old port and gives another when it rebinds', () => {
    const { nat, talk, isLetIn } = setUp();
    const before = talk(one);
    nat.rebind();
    assert.equal(isLetIn(one, before), false);
    const after = talk(one);
    assert.equal(after.address, before.address);
    assert.notEqual(after.port, before.port);
    assert.equal(isLetIn(one, before), false);
    assert.equal(isLetIn(one, after), true);
  });

  it('renumbers: another external address, the old one dead', () => {
    const { nat, talk, isLetIn, internet } = setUp();
    const before = talk(one);
    nat.renumber('198.51.100.8');
    assert.equal(isLetIn(one, before), false);
    assert.equal(internet.unreachable, 1);
    assert.equal(talk(one).address, '198.51.100.8');
  });

  it('forgets a mapping without outgoing packets', () => {
    const { clock, talk, isLetIn } = setUp({ timeoutMs: 30_000 });
    const before = talk(one);
    clock.runFor(29_000);
    assert.equal(isLetIn(one, before), true);
    clock.runFor(2000);
    assert.equal(isLetIn(one, before), false);
    assert.notEqual(talk(one).port, before.port);
  });

  it('tells two clients apart, and turns a packet back inside only with hairpin', () => {
    const { nat, clock, client, talk } = setUp({ hairpin: true });
    const mapped = talk(one);
    const neighbour = new Listener(nat.inside, 'neighbour', ['10.0.0.3']);
    nat.inside.send({
      source: { address: '10.0.0.3', port: 5004 },
      destination: mapped,
      bytes: new Uint8Array(1),
      origin: 'neighbour',
    });
    clock.runFor(1);
    assert.equal(client.heard.length, 1);
    assert.notEqual(client.heard[0]?.source.port, mapped.port);
    assert.equal(neighbour.heard.length, 0);
  });
});
