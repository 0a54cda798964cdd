// The ports in descriptions of an application that knows its first ones only, and the version of what goes out.
import assert from 'node:assert/strict';
import { portsIn, rewritePorts, versionAfter } from '../../lib/sip/port-rewriting.js';
import { LocalDescriptions } from '../../lib/sip/local-descriptions.js';
import type { DescribedExchange } from '../../lib/sip/local-descriptions.js';
import type { LentPorts } from '../../lib/sip/port-question.js';
import { MemoryNetwork } from '../net/memory-network.js';

function text(...lines: readonly string[]): string {
  return [...lines, ''].join('\r\n');
}

const HEAD = ['v=0', 'o=- 7 3 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
const MOVE = new Map([[0, { from: { rtp: 5004, rtcp: 5005 }, to: { rtp: 6000, rtcp: 6001 } }]]);

describe('ports in descriptions of an application', () => {
  it('the m= line, a=rtcp and candidates of the transport name the other port, and nothing else changes', () => {
    const candidate = (component: number, port: number, end = 'typ host') =>
      `a=candidate:1 ${component} UDP 2130706431 192.0.2.1 ${port} ${end}`;
    const section = (rtp: number, rtcp: number) => [
      `m=audio ${rtp} RTP/AVP 0 101`,
      'a=rtpmap:101 telephone-event/8000',
      `a=rtcp:${rtcp} IN IP4 192.0.2.1`,
      candidate(1, rtp),
      candidate(2, rtcp),
      candidate(1, 5004, `typ srflx raddr 192.0.2.1 rport ${rtp}`).replace(
        '192.0.2.1 5004',
        '198.51.100.1 700',
      ),
      'a=x-note:5004 stays',
    ];
    const other = ['m=video 5004 RTP/AVP 96', 'a=rtcp:5005'];
    assert.equal(
      rewritePorts(text(...HEAD, ...section(5004, 5005), ...other), MOVE),
      text(...HEAD, ...section(6000, 6001), ...other),
    );
  });

  it('line ends stay, of whichever kind, and one that is missing stays missing', () => {
    const lines = 'v=0\no=- 7 3 IN IP4 192.0.2.1\ns=-\nm=audio 5004/2 RTP/AVP 0\ra=rtcp-mux';
    assert.equal(rewritePorts(lines, MOVE), lines.replace('5004', '6000'));
  });

  it('sections of one transport move together, a rejected one and one that the application has moved itself stay', () => {
    const bundle = ['a=group:BUNDLE a v', ...HEAD.slice(4)];
    const bundled = (port: number) =>
      text(
        ...HEAD.slice(0, 4),
        ...bundle,
        ...[`m=audio ${port} RTP/AVP 0`, 'a=mid:a', 'a=rtcp-mux'],
        ...[`m=video ${port} RTP/AVP 96`, 'a=mid:v', 'a=rtcp-mux'],
      );
    assert.equal(rewritePorts(bundled(5004), MOVE), bundled(6000));
    for (const own of ['m=audio 0 RTP/AVP 0', 'm=audio 7000 RTP/AVP 0'])
      assert.equal(rewritePorts(text(...HEAD, own), MOVE), text(...HEAD, own));
  });

  it('RTCP that is neither at the next port nor muxed is told by a line of its own', () => {
    const move = new Map([[0, { from: { rtp: 5004, rtcp: 5005 }, to: { rtp: 6000, rtcp: 5005 } }]]);
    const rewritten = (...lines: string[]) => rewritePorts(text(...HEAD, ...lines), move);
    const moved = 'm=audio 6000 RTP/AVP 0';
    assert.equal(rewritten('m=audio 5004 RTP/AVP 0'), text(...HEAD, moved, 'a=rtcp:5005'));
    assert.equal(
      rewritten('m=audio 5004 RTP/AVP 0', 'm=audio 9 RTP/AVP 0'),
      text(...HEAD, moved, 'a=rtcp:5005', 'm=audio 9 RTP/AVP 0'),
    );
    assert.equal(rewritten('m=audio 5004 RTP/AVP 0', 'a=rtcp-mux'), text(...HEAD, moved, 'a=rtcp-mux'));
    assert.equal(rewritten('m=audio 5004 udptl t38'), text(...HEAD, 'm=audio 6000 udptl t38'));
  });

  it('what is no description passes', () => {
    for (const bad of ['', 'v=1', 'v=0\r\nm=audio']) assert.equal(rewritePorts(bad, MOVE), bad);
    assert.equal(portsIn('nonsense', 0), undefined);
    assert.equal(portsIn(text(...HEAD, 'm=audio 0 RTP/AVP 0'), 0), undefined);
  });

  it('RFC 3264 8: the version rises by one where the text differs, and by nothing where it does not', () => {
    const at = (version: string, port: number) =>
      text(`v=0`, `o=me 7 ${version} IN IP4 192.0.2.1`, 's=-', `m=audio ${port} RTP/AVP 0`);
    assert.equal(versionAfter(at('3', 6000), at('3', 5004)), at('4', 6000));
    assert.equal(versionAfter(at('3', 5004), at('4', 5004)), at('4', 5004));
    assert.equal(versionAfter(at('9', 6000), at('3', 5004)), at('9', 6000));
    const large = '9223372036854775806';
    assert.equal(versionAfter(at(large, 1), at(large, 2)), at('9223372036854775807', 1));
    const other = at('1', 1).replace('o=me', 'o=you');
    assert.equal(versionAfter(other, at('3', 5004)), other);
  });

  describe('of a dialog', () => {
    const network = new MemoryNetwork();
    const lend = (port: number): LentPorts => ({
      rtp: network.open('192.0.2.1', port),
      rtcp: network.open('192.0.2.1', port + 1),
      release: () => undefined,
    });
    const written = (port: number, version = 1, direction = 'sendrecv') =>
      text(
        ...['v=0', `o=- 7 ${version} IN IP4 192.0.2.1`, 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'],
        ...[`m=audio ${port} RTP/AVP 0`, `a=${direction}`],
      );
    const answer = (): DescribedExchange => ({ offer: 'remote' });
    let descriptions: LocalDescriptions;
    beforeEach(() => (descriptions = new LocalDescriptions()));

    it('until a port is told each goes out as it is written, and nothing that was not agreed on is offered', () => {
      for (const one of [written(5004), written(5004, 1, 'sendonly')])
        assert.equal(descriptions.toWire(one, { offer: 'local' }, new Map()), one);
      assert.equal(descriptions.reoffer(new Map([[0, lend(6100)]])), undefined);
    });

    it('the last that was agreed on is offered again, and the application’s own follow it', () => {
      const told = new Map([[0, lend(6000)]]);
      descriptions.toWire(written(5004, 1, 'recvonly'), answer(), new Map());
      const failed: DescribedExchange = { offer: 'local' };
      descriptions.toWire(written(5004, 2, 'inactive'), failed, new Map());
      const own = descriptions.reoffer(told);
      assert.equal(own, written(6000, 3, 'recvonly'), 'what failed is not offered, but its version was used');
      assert.equal(descriptions.reoffer(told), own, 'again after a 491');
      assert.equal(descriptions.toWire(own, { offer: 'local' }, new Map()), own, 'it is not rewritten');
      assert.equal(descriptions.toWire(written(5004, 1, 'recvonly'), answer(), told), own, 'a refresh');
      const held: DescribedExchange = { offer: 'local' };
      assert.equal(descriptions.toWire(written(5004, 2), held, told), written(6000, 4));
      held.onAgreed?.();
      assert.equal(descriptions.reoffer(new Map([[0, lend(6002)]])), written(6002, 5));
    });

    it('after a refusal it has its first port again', () => {
      descriptions.toWire(written(5004), answer(), new Map());
      descriptions.reoffer(new Map([[0, lend(6010)]]));
      assert.equal(descriptions.toWire(written(5004), answer(), new Map()), written(5004, 3));
    });
  });
});
