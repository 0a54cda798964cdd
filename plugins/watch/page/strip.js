// The strip of one participant: a minute of time, drawn on a canvas. Above the wall what came, below it what was refused there.

const GAP = 0.36;
/** Packets in a sample that fill the space below the wall. */
const REFUSED_FULL = 600;

export class Strip {
  #samples = [];
  #hasSent = false;
  #colours = {};

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} windowMs As much as is kept.
   */
  constructor(canvas, sampleMs, windowMs) {
    this.canvas = canvas;
    this.sampleMs = sampleMs;
    this.windowMs = windowMs;
    /** As much as is shown. */
    this.spanMs = windowMs;
  }

  /** When the first sample that is kept was taken. */
  get since() {
    return this.#samples[0]?.[0];
  }

  add(sample) {
    // The last one of the history comes once more.
    if (sample[0] <= (this.#samples.at(-1)?.[0] ?? 0)) return;
    this.#hasSent ||= sample[1] > 0;
    // Who has just come is not silent.
    this.#samples.push([...sample, this.#hasSent && sample[1] === 0]);
    while (this.#samples.length > 2 + this.windowMs / this.sampleMs) this.#samples.shift();
  }

  /** The whole window in numbers. */
  get summary() {
    const total = (index) => this.#samples.reduce((sum, sample) => sum + sample[index], 0);
    const [got, lost, refused] = [total(1), total(2), total(3)];
    const silent = this.#samples.filter((sample) => sample[4]).length;
    return {
      seconds: Math.round((this.#samples.length * this.sampleMs) / 1000),
      silentS: Math.round((silent * this.sampleMs) / 100) / 10,
      lostPercent: got + lost === 0 ? 0 : (100 * lost) / (got + lost),
      refused,
    };
  }

  /** Nothing of it is in the window any more. */
  isOver(now) {
    const last = this.#samples.at(-1);
    return last === undefined || this.place(last[0], now) < 0;
  }

  /** Where a time is on the strip, from 0 (the oldest) to 1 (now). */
  place(at, now) {
    return 1 - (now - at) / this.spanMs;
  }

  readColours() {
    const style = getComputedStyle(this.canvas);
    for (const name of ['got', 'lost', 'refused', 'line', 'soft'])
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  /** @param now The server's time at the right edge. */
  draw(now) {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const wall = Math.round(height * 0.62);
    const step = (width * this.sampleMs) / this.spanMs;
    const bar = Math.max(1.5, step * (1 - GAP));
    const most = Math.max(1, ...this.#samples.map(([, got]) => got));
    pen.fillStyle = this.#colours.line;
    pen.fillRect(0, wall - 0.75, width, 1.5);
    for (const [at, got, lost, refused, isSilent] of this.#samples) {
      // The bar ends where its interval ends.
      const x = this.place(at, now) * width - bar;
      if (x < -bar || x > width) continue;
      if (isSilent) capsule(pen, this.#colours.soft, x, wall - 4 - bar, bar, bar);
      this.#came(pen, { x, bar, wall, most }, got, lost);
      if (refused > 0) {
        const depth = (Math.log1p(refused) / Math.log1p(REFUSED_FULL)) * (height - wall - 6);
        capsule(pen, this.#colours.refused, x, wall + 4, bar, Math.min(depth, height - wall - 6));
      }
    }
  }

  #came(pen, { x, bar, wall, most }, got, lost) {
    const room = wall - 14;
    const top = (got / most) * room;
    if (got > 0) capsule(pen, this.#colours.got, x, wall - 4 - Math.max(bar, top), bar, Math.max(bar, top));
    if (lost > 0) {
      const missing = Math.max(bar, Math.min(room, (lost / most) * room));
      capsule(pen, this.#colours.lost, x, wall - 4 - missing, bar, missing);
    }
  }
}

function capsule(pen, colour, x, y, width, height) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(x, y, width, Math.max(height, width), width / 2);
  pen.fill();
}
