// The feed of a room: one long answer of lines of JSON. Comes back by itself when the connection is lost, more slowly each time.

const AGAIN_MS = [500, 1000, 2000, 4000, 8000, 15000];

export class Feed {
  #abort = new AbortController();
  #attempt = 0;

  /**
   * @param {string} token
   * @param {{ onLine(line: object): void, onState(state: string): void }} site
   */
  constructor(token, site) {
    this.token = token;
    this.site = site;
  }

  /** Watches this room and no other. The empty name is any. */
  watch(room) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#attempt = 0;
    void this.#run(room, this.#abort.signal);
  }

  stop() {
    this.#abort.abort();
  }

  async #run(room, signal) {
    while (!signal.aborted) {
      const outcome = await this.#read(room, signal).catch(() => 'lost');
      if (signal.aborted || outcome === 'ended') return;
      this.site.onState(outcome);
      if (outcome === 'token' || outcome === 'origin') return;
      const waitMs = AGAIN_MS[Math.min(this.#attempt++, AGAIN_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #read(room, signal) {
    const headers = { Authorization: `Bearer ${this.token}` };
    const response = await fetch(`/feed/${encodeURIComponent(room)}`, { headers, signal, cache: 'no-store' });
    if (response.status === 401) return 'token';
    if (response.status === 403) return 'origin';
    if (response.status === 503) return 'full';
    if (!response.ok) return 'lost';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let unread = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return 'lost';
      const lines = (unread + value).split('\n');
      unread = lines.pop() ?? '';
      for (const text of lines) {
        const line = JSON.parse(text);
        if (line.type === 'hello') this.#attempt = 0;
        this.site.onLine(line);
        if (line.type === 'ended') return 'ended';
      }
    }
  }
}
