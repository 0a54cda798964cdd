// The last door of a guarded socket, on the handle below it: shut to whatever does not come through the guard, such as
// `dgram.Socket.prototype.send.call(socket, …)` or a `send` that somebody kept from before. It refuses, and never sends itself.
import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { handleOf } from './dgram-handle.js';
import type { HandleConnect, HandleLookup, HandleSend } from './dgram-handle.js';
import { MethodLayer } from './method-layer.js';

/** libuv's EPERM: dgram makes the error of it that its caller is told. */
const REFUSED = -1;

export class HandleGate {
  readonly #methods: MethodLayer;
  readonly #onRefused: () => void;
  #isOpen = false;
  #result = 0;

  /** Undefined where Node keeps the handle elsewhere than we know: then nothing is shut, and docs/threats.md says so. */
  static of(socket: Socket, onRefused: () => void): HandleGate | undefined {
    const handle = handleOf(socket);
    return handle && new HandleGate(handle, onRefused);
  }

  private constructor(handle: object, onRefused: () => void) {
    this.#methods = new MethodLayer(handle);
    this.#onRefused = onRefused;
    this.#lay();
  }

  /** Whatever is sent from here to `shut` passes. */
  open(): void {
    this.#isOpen = true;
    this.#result = 0;
  }

  /** False where the system refused what was sent since `open`. */
  shut(): boolean {
    this.#isOpen = false;
    return this.#result >= 0;
  }

  remove(): void {
    this.#methods.remove();
  }

  #lay(): void {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the methods' own `this` is the handle
    const gate = this;
    const methods = this.#methods;
    methods.lay<HandleSend>(
      'send',
      (below) =>
        // eslint-disable-next-line max-params -- one by one, as dgram gives them: a list for every packet would cost
        function send(this: unknown, request, list, count, port, address, hasCallback) {
          // Six arguments: to an address. With four the kernel is to know the address, which no guarded socket has let it.
          const isAddressed = arguments.length === 6;
          if (!methods.isActive && !isAddressed) return below.call(this, request, list, count, port);
          if (methods.isActive && !(gate.#isOpen && isAddressed)) return gate.#refuse();
          return (gate.#result = below.call(this, request, list, count, port, address, hasCallback));
        },
    );
    methods.lay<HandleConnect>(
      'connect',
      (below) =>
        function connect(this: unknown, ...args) {
          return methods.isActive ? gate.#refuse() : below.apply(this, args);
        },
    );
    methods.lay<HandleLookup>(
      'lookup',
      (below) =>
        function lookup(this: unknown, address, callback) {
          if (!methods.isActive || !gate.#isOpen) return below.call(this, address, callback);
          // dgram's own answer for an IP address comes later than the gate is open.
          if (isIP(address) !== 0) return callback(null, address);
          return below.call(this, address, (error, ip) => {
            gate.open();
            callback(error, ip);
            gate.shut();
          });
        },
    );
  }

  #refuse(): number {
    this.#onRefused();
    return REFUSED;
  }
}
