// Why there is no call: one line each, with the way out where there is one.
import assert from 'node:assert/strict';
import { parseCallUri } from '../../lib/sip/call-uri.js';
import { ConnectionTrouble } from '../../lib/phone/connection-trouble.js';
import type { SipResponse } from '../../lib/sip/index.js';

function trouble(): ConnectionTrouble {
  const parsed = parseCallUri('sip:room@host.example');
  assert.ok(parsed.ok);
  return new ConnectionTrouble(parsed.uri);
}

const response = (status: number, reason: string, warning?: string): SipResponse => ({
  status,
  reason,
  headers: warning === undefined ? {} : { warning },
});

const fault = (code: string, message = code): Error => Object.assign(new Error(message), { code });

describe('why there is no call', () => {
  const local: readonly [string, number, Error | undefined, RegExp][] = [
    ['a refused connection', 503, fault('ECONNREFUSED'), /cannot connect: nothing listens there/],
    ['a self-signed certificate', 503, fault('DEPTH_ZERO_SELF_SIGNED_CERT'), /self-signed.*--ca.*--insecure/],
    ['an unknown authority', 503, fault('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), /not trusted.*--ca/],
    ['an expired certificate', 503, fault('CERT_HAS_EXPIRED'), /expired/],
    [
      'the certificate of another host',
      503,
      new Error('the certificate does not belong to host.example (RFC 5922)'),
      /not trusted \(the certificate does not belong to host\.example/,
    ],
    ['something else', 503, new Error('wrong version number'), /cannot connect: wrong version number/],
    ['no reason at all', 503, undefined, /cannot connect$/],
    ['no such host', 404, undefined, /no such host/],
    ['nobody who answers', 408, undefined, /no answer/],
  ];
  for (const [name, status, error, why] of local)
    it(`is ${name}`, () => {
      const seen = trouble();
      if (error) seen.note('TLS', error);
      const failure = seen.explain(response(status, 'made up by the package'));
      assert.match(failure.message, why);
      assert.match(failure.message, /^host\.example:5061: /);
      assert.equal(failure.exitCode, 1);
    });

  const remote: readonly [SipResponse, RegExp][] = [
    [response(404, 'Not Found'), /404 Not Found: the server knows no such room/],
    [response(486, 'Busy Here'), /486 Busy Here: the line is busy/],
    [response(603, 'Decline'), /603 Decline$/],
    [
      response(488, 'Not Acceptable Here', '399 host "latch is \\"required\\" here"'),
      /488 Not Acceptable Here: .*: latch is "required" here$/,
    ],
    [response(488, 'Not Acceptable Here', '399 host bare'), /399 host bare/],
  ];
  for (const [answer, why] of remote)
    it(`is the server's ${answer.status}${answer.headers.warning ? ` with ${answer.headers.warning}` : ''}`, () => {
      const seen = trouble();
      seen.noteReceived(answer);
      assert.match(seen.explain(answer).message, why);
    });

  it("is the warning with which the plugin refuses the server's answer", () => {
    const failure = trouble().explain(response(400, 'Bad Request', '399 us "a=latch in line 7: suite"'));
    assert.match(failure.message, /400 Bad Request: a=latch in line 7: suite/);
  });

  it('is silence', () => assert.match(trouble().silence(10_000).message, /no answer within 10 s/));
});
