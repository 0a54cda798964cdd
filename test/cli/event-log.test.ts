import assert from 'node:assert/strict';
import type { LatchEvent } from '../../lib/index.js';
import { EventLog, lineWriter } from '../../lib/cli/event-log.js';

function logTo(isJson: boolean): { log: EventLog; lines: string[] } {
  const lines: string[] = [];
  const log = new EventLog(isJson, (line) => lines.push(line));
  log.open('listening', { udp: { address: '::1', port: 5060 } });
  return { log, lines };
}

const verified = {
  type: 'verified',
  session: 's',
  call: 'c',
  media: 0,
  component: 1,
  mapping: { address: '192.0.2.1', port: 4000 },
  serverSeenAs: { address: '2001:db8::1', port: 40000 },
  nat: 'both',
  suite: 'AES-256',
  rttMs: 1.23456,
} as unknown as LatchEvent;

/** The line is of this minute, in UTC; the rest of it. */
function withoutTime(line: string): Record<string, unknown> {
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  return rest;
}

describe('the log of serve', () => {
  it('writes the lines of one turn of the loop together, and each once', async () => {
    const written: string[] = [];
    const write = lineWriter((text) => written.push(text));
    write('one\n');
    write('two\n');
    assert.deepEqual(written, []);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(written, ['one\ntwo\n']);
    write('three\n');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(written, ['one\ntwo\n', 'three\n']);
  });

  it('prints one object a line, addresses as text', () => {
    const { log, lines } = logTo(true);
    log.printEvent(verified, { received: 1 });
    assert.deepEqual(
      lines.map((line) => withoutTime(line)),
      [
        { level: 'info', event: 'listening', udp: '[::1]:5060' },
        {
          level: 'info',
          event: 'verified',
          session: 's',
          call: 'c',
          media: 0,
          component: 1,
          mapping: '192.0.2.1:4000',
          serverSeenAs: '[2001:db8::1]:40000',
          nat: 'both',
          suite: 'AES-256',
          rttMs: 1.235,
          received: 1,
        },
      ],
    );
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
  });

  it('prints of an event only what is meant for print', () => {
    for (const isJson of [true, false]) {
      const { log, lines } = logTo(isJson);
      log.printEvent({
        ...verified,
        secret: 'hidden',
        word: 'hidden',
        proof: ['hidden'],
      } as unknown as LatchEvent);
      assert.ok(!lines.join('').includes('hidden'));
    }
  });

  it('begins each object with its time and its level: a warning where something did not go as it should', () => {
    const { log, lines } = logTo(true);
    log.print('rejected', { status: 403 });
    log.printEvent({ ...verified, type: 'expired' } as unknown as LatchEvent);
    log.printEvent({ ...verified, type: 'rebound' } as unknown as LatchEvent);
    const [, ...rest] = lines;
    for (const line of rest) assert.match(line, /^\{"time":"[^"]+Z","level":"\w+","event":/);
    assert.deepEqual(
      rest.map((line) => withoutTime(line)['level']),
      ['warn', 'warn', 'info'],
    );
  });

  it('tells the steps on the way only to who asks for all', () => {
    const { log, lines } = logTo(true);
    const steps = ['candidate', 'proven', 'silent'].map(
      (type) => ({ ...verified, type }) as unknown as LatchEvent,
    );
    for (const step of steps) log.printEvent(step);
    assert.equal(lines.length, 1);
    log.isVerbose = true;
    for (const step of steps) log.printEvent(step);
    assert.deepEqual(
      lines.slice(1).map((line) => withoutTime(line)['level']),
      ['debug', 'debug', 'debug'],
    );
  });

  it('keeps what comes too early until the first line stands', () => {
    const lines: string[] = [];
    const log = new EventLog(true, (line) => lines.push(line));
    log.print('session', {});
    assert.deepEqual(lines, []);
    log.open('listening', {});
    log.print('closed', {});
    assert.deepEqual(
      lines.map((line) => withoutTime(line)),
      ['listening', 'session', 'closed'].map((event) => ({ level: 'info', event })),
    );
  });

  it('is readable without --json, and a name cannot pass for anything else', () => {
    const { log, lines } = logTo(false);
    log.print('session', {
      call: 'a b\u001b[2J\n12:00 verified',
      room: 'x=y',
      remote: { address: '::1', port: 7 },
    });
    const [, line = ''] = lines;
    assert.match(
      line,
      /^\d\d:\d\d:\d\d\.\d{3} session {4}call="a b\\u001b\[2J\\n12:00 verified" room="x=y" remote=\[::1\]:7\n$/,
    );
  });

  it('leaves out for people what counted nothing', () => {
    const { log, lines } = logTo(false);
    log.print('counters', { received: 2, dropped: { proof: 0, unverified: 3 }, faults: {}, sessions: [] });
    assert.match(lines[1] ?? '', /received=2 dropped=\{unverified=3\}\n$/);
  });
});
