// Over which path a component's payload goes, as the tables of a port see it (protocol.md 5.1, 5.5, 5.11).
import assert from 'node:assert/strict';
import { PayloadRoute } from '../../lib/core/route/payload-route.js';
import { Port } from '../../lib/core/route/port.js';

const FIRST = { address: '203.0.113.7', port: 1000 };
const ON_TRIAL = { address: '203.0.113.7', port: 2000 };
const NEXT = { address: '203.0.113.7', port: 3000 };

describe('the route of a payload', () => {
  it('rule 5.11: an address on trial stays its session’s while the media moves to another, and no longer than that', () => {
    const port = new Port<string>({ address: '198.51.100.1', port: 5000 });
    const route = new PayloadRoute('ours');
    route.open({ port, remote: FIRST });
    route.claim({ port, remote: ON_TRIAL }, 0);
    route.open({ port, remote: NEXT });
    assert.equal(port.route(ON_TRIAL.address, ON_TRIAL.port)?.owner, 'ours');
    assert.equal(port.claimRoute(ON_TRIAL, 'another', true), false);
    assert.equal(port.route(FIRST.address, FIRST.port), undefined);
    route.handleTimeout(5001);
    assert.equal(port.route(ON_TRIAL.address, ON_TRIAL.port)?.owner, 'another');
  });
});
