// A verifier session whose peer is a phone with ICE and no latch, on a workbench without a network.
import assert from 'node:assert/strict';
import type { Component, Port, SdpSession } from '../../lib/core/index.js';
import type { TransportAddress } from '../../lib/wire/address.js';
import { EngineBench } from './engine-bench.js';
import { IcePhone, readServerCheck, type Check } from './ice-phone.js';
import { makeSdp } from './session-description.js';

export const SERVER = { address: '203.0.113.1', port: 40_000 };
export const MAPPING = { address: '198.51.100.7', port: 30_082 };

export class IceBench {
  readonly bench: EngineBench;
  readonly session: SdpSession;
  readonly port: Port;
  readonly component: Component;
  phone: IcePhone;
  answer = '';
  /** The phone offers rtcp-mux, and so does the application. */
  readonly #isMuxed: boolean;
  #sequence = 0;

  constructor(
    options: {
      readonly signalling?: 'encrypted' | 'clear';
      readonly policy?: 'prefer' | 'legacy';
      readonly isMuxed?: boolean;
    } = {},
  ) {
    this.#isMuxed = options.isMuxed ?? true;
    this.bench = new EngineBench({ policy: options.policy ?? 'prefer' });
    this.phone = new IcePhone('first');
    this.session = this.bench.engine.createSession({ signalling: options.signalling ?? 'encrypted' });
    this.port = this.bench.engine.openPort(SERVER);
    this.component = this.session.component(0, 1);
    this.component.attach(this.port, this.bench.nowMs);
    this.exchange();
  }

  exchange(): void {
    const offer = makeSdp({
      address: '10.0.1.2',
      media: [{ port: 5004, isMuxed: this.#isMuxed, lines: this.phone.lines }],
    });
    assert.ok(this.session.setRemote(offer, this.bench.nowMs).accepted);
    const local = makeSdp({
      address: SERVER.address,
      media: [{ port: SERVER.port, isMuxed: this.#isMuxed }],
    });
    this.answer = this.session.setLocal(local, this.bench.nowMs);
    this.phone.readAnswer(this.answer);
    this.bench.drain();
  }

  send(bytes: Uint8Array, source: TransportAddress): boolean {
    return this.bench.receive(this.port, bytes, source) !== undefined;
  }

  /** One RTP packet; true where it reached the application. */
  talk(source: TransportAddress): boolean {
    const rtp = Buffer.alloc(172, 1);
    rtp.writeUInt32BE(0x80000000 + (this.#sequence++ & 0xffff), 0);
    return this.send(rtp, source);
  }

  checksTo(remote: TransportAddress, sinceMs = -Infinity): Check[] {
    return this.bench.sent
      .filter((sent) => sent.atMs >= sinceMs && sent.destination.port === remote.port)
      .flatMap((sent) => readServerCheck(sent.bytes, this.phone.pwd) ?? []);
  }

  /** The phone answers the last check that went to this address. */
  answerFrom(remote: TransportAddress, from = remote): void {
    const check = this.checksTo(remote).at(-1);
    assert.ok(check, 'nothing was asked');
    this.send(this.phone.answer(check, SERVER), from);
  }

  get destination(): TransportAddress | undefined {
    return this.component.handleSend(new Uint8Array(20), this.bench.nowMs);
  }

  connect(remote = MAPPING): void {
    this.send(this.phone.check({ isNominating: true }), remote);
    this.bench.advance(20);
    this.answerFrom(remote);
  }
}
