// A participant's picture: jsmpeg on a canvas, fed by a WebSocket that has the token. Comes back by itself when the connection is lost.
import JSMpeg from '/jsmpeg.js';
import { pictureInWords } from './words.js';

const AGAIN_MS = 2000;

/** What jsmpeg asks of a source: bytes go to the player, texts to the page. */
class Source {
  established = false;
  completed = false;
  progress = 0;
  streaming = true;

  constructor(url, { onText, onLost, protocols }) {
    Object.assign(this, { url, onText, onLost, protocols });
  }

  connect(destination) {
    this.destination = destination;
  }

  start() {
    this.socket = new WebSocket(this.url, this.protocols);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => {
      if (typeof data === 'string') return this.onText(JSON.parse(data));
      this.established = true;
      this.progress = 1;
      return this.destination.write(data);
    };
    this.socket.onclose = () => this.onLost();
  }

  resume() {}

  destroy() {
    this.socket.onclose = null;
    this.socket.close();
  }
}

export class Picture {
  #player;
  #timer;
  #isOver = false;

  /** @param {HTMLTemplateElement} template */
  constructor(template, { room, id, name, token, onClose }) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.path = `/video/${encodeURIComponent(room)}/${encodeURIComponent(id)}`;
    this.token = token;
    this.canvas = this.element.querySelector('canvas');
    this.state = this.element.querySelector('.picture-state');
    this.canvas.setAttribute('aria-label', `The picture of ${name}`);
    this.element.querySelector('.picture-name').textContent = name;
    const close = this.element.querySelector('button');
    close.setAttribute('aria-label', `Close the picture of ${name}`);
    close.addEventListener('click', onClose);
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#player?.destroy();
    this.element.remove();
  }

  #open() {
    this.#show({ state: 'starting' });
    // A player leaves a canvas behind that no other can paint on.
    const canvas = this.canvas.cloneNode();
    this.canvas.replaceWith(canvas);
    this.canvas = canvas;
    const { protocol, host } = location;
    const url = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${this.path}`;
    this.#player = new JSMpeg.Player(url, {
      ...{ source: Source, canvas, audio: false, pauseWhenHidden: false, videoBufferSize: 1024 * 1024 },
      // It would need a page that may make code out of data.
      disableWebAssembly: true,
      protocols: ['latchkey.watch', `token.${this.token}`],
      onText: (state) => this.#show(state),
      onLost: () => this.#lost(),
    });
  }

  #show(state) {
    this.element.dataset.state = state.state;
    const text = pictureInWords(state);
    if (this.state.textContent !== text) this.state.textContent = text;
    if (state.state === 'over' || state.state === 'full') this.#isOver = true;
  }

  #lost() {
    if (this.#isOver) return;
    this.#show({ state: 'lost' });
    this.#timer = setTimeout(() => {
      this.#player.destroy();
      this.#open();
    }, AGAIN_MS);
  }
}
