// One participant on the page: who it is, what proves it, its strip, and the marks on the strip.
import { Strip } from './strip.js';
import { calledBy, factsOf, look, natInWords, proofInWords, sentence, stripInWords } from './words.js';

/** The summary of a strip changes all the time: who hears it read wants to hear it when asking. */
const SUMMARY_EVERY_MS = 5000;

export class Lane {
  #marks = [];
  #summaryAt = 0;

  /** @param {HTMLTemplateElement} template */
  constructor(template, { sampleMs, windowMs }, onWatch) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.name = '';
    this.isGone = false;
    /** Its picture is on the stage. */
    this.isShown = false;
    const find = (selector) => this.element.querySelector(selector);
    this.parts = {
      ...{ face: find('.face'), name: find('h3'), proof: find('.proof'), proofText: find('.proof-text') },
      ...{
        path: find('.path'),
        signalled: find('.signalled'),
        nat: find('.nat'),
        mapping: find('.mapping'),
        where: find('.where'),
      },
      ...{ canvas: find('canvas'), marks: find('.marks'), facts: find('.facts'), watch: find('.watch') },
    };
    this.strip = new Strip(this.parts.canvas, sampleMs, windowMs);
    this.parts.watch.addEventListener('click', () => onWatch(this));
    this.parts.marks.addEventListener('keydown', (event) => this.#walk(event));
  }

  call(name) {
    this.name = name;
    const shown = calledBy(name);
    this.parts.name.textContent = shown;
    this.parts.watch.setAttribute('aria-label', `Show the picture of ${shown}`);
    this.parts.face.textContent = [...shown][0] ?? '';
    this.parts.marks.setAttribute('aria-label', `What happened to ${shown}: left and right arrow`);
  }

  show(person) {
    const { parts } = this;
    if (person.name !== this.name || parts.name.textContent === '') this.call(person.name);
    const [is, text] = proofInWords(person);
    parts.proof.dataset.is = is;
    setText(parts.proofText, text);
    parts.path.hidden = person.protection === 'carried';
    setText(parts.signalled, person.signalled ?? 'nothing yet');
    parts.watch.hidden = !person.hasVideo || this.isShown;
    const nat = natInWords(person.nat);
    parts.nat.hidden = nat === '';
    setText(parts.nat.lastElementChild, nat);
    setText(parts.where, is === 'open' ? 'is sent to' : 'is at');
    const was = parts.mapping.textContent;
    const mapping = person.mapping ?? 'not known';
    if (setText(parts.mapping, mapping) && was !== '' && person.mapping) this.#freshen();
    this.#showFacts(person);
    this.element.classList.remove('gone');
    this.isGone = false;
  }

  leave() {
    this.isGone = true;
    this.element.classList.add('gone');
  }

  mark(happening) {
    const { tone, sign, word } = look(happening);
    if (tone === 'quiet') return;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = `mark ${tone}`;
    button.textContent = sign;
    const words = sentence(happening)
      .map((piece) => piece.address ?? piece)
      .join('');
    button.title = words;
    button.setAttribute('aria-label', `${word}: ${words}`);
    button.tabIndex = this.#marks.length === 0 ? 0 : -1;
    this.parts.marks.append(button);
    this.#marks.push({ at: happening.at, button });
  }

  /** Draws everything as it is at this time of the server's. */
  draw(now) {
    this.strip.draw(now);
    const width = this.parts.canvas.clientWidth;
    for (const { at, button } of this.#marks) {
      const x = Math.min(this.strip.place(at, now) * width, width - 14);
      button.style.transform = `translateX(${x.toFixed(1)}px)`;
    }
    while (this.#marks[0] && this.strip.place(this.#marks[0].at, now) < 0) {
      const { button } = this.#marks.shift();
      const hadFocus = button === document.activeElement;
      button.remove();
      const next = this.#marks[0]?.button;
      if (next && !this.#marks.some((mark) => mark.button.tabIndex === 0)) next.tabIndex = 0;
      if (hadFocus) next?.focus();
    }
    if (now - this.#summaryAt < SUMMARY_EVERY_MS) return;
    this.#summaryAt = now;
    this.parts.canvas.setAttribute('aria-label', stripInWords(this.name, this.strip.summary));
  }

  #showFacts(person) {
    const facts = factsOf(person, this.strip.summary.lostPercent);
    const { facts: list } = this.parts;
    while (list.children.length > facts.length) list.lastElementChild.remove();
    for (const [i, { text, isBad }] of facts.entries()) {
      const item = list.children[i] ?? list.appendChild(document.createElement('span'));
      setText(item, text);
      item.className = isBad ? 'bad' : '';
    }
  }

  #freshen() {
    const { mapping } = this.parts;
    mapping.classList.remove('fresh');
    // Asking for its width makes the browser notice that the class was away.
    void mapping.offsetWidth;
    mapping.classList.add('fresh');
  }

  /** One stop for the tab key, and the arrows between the marks. */
  #walk(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    const from = this.#marks.findIndex(({ button }) => button === document.activeElement);
    const to = Math.min(Math.max(from + step, 0), this.#marks.length - 1);
    for (const [i, { button }] of this.#marks.entries()) button.tabIndex = i === to ? 0 : -1;
    this.#marks[to]?.button.focus();
    event.preventDefault();
  }
}

/** True where it was another text. What is the same is not written: a screen reader would say it again. */
function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}
