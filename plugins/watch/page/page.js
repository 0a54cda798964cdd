// The page: takes the token out of the address, follows the feed of a room, and puts what it tells where it belongs.
import { Feed } from './feed.js';
import { Lane } from './lane.js';
import { calledBy, look, peopleInWords, sentence } from './words.js';

const LOG_MAX = 200;
/** Shown of a room that is younger. */
const SHORTEST_MS = 20_000;
/** Drawn so often; once a second for who wants things to stand still. */
const FRAME_MS = matchMedia('(prefers-reduced-motion: reduce)').matches ? 1000 : 33;

const find = (id) => document.getElementById(id);
const parts = Object.fromEntries(
  [
    'room',
    'count',
    'stage',
    'pick',
    'rooms',
    'state',
    'notice',
    'empty',
    'lanes',
    'axis',
    'legend',
    'log',
  ].map((id) => [id, find(id)]),
);
const template = find('lane');

const STATES = {
  live: ['live', 'Live', ''],
  lost: ['lost', 'Connection lost', 'The connection to the server is lost. Trying again …'],
  full: ['lost', 'Waiting', 'As many pages are open as the server allows. Trying again …'],
  token: [
    'lost',
    'Not allowed',
    'This page needs the whole address that the server printed when it started, with what follows the #.',
  ],
  origin: [
    'lost',
    'Not allowed',
    'The server does not know this address as one of its own. Open the one that it printed.',
  ],
  ended: ['over', 'Ended', 'The server has ended. This is how things stood.'],
};

/** @type {Map<string, Lane>} */
const lanes = new Map();
/** @type {Map<string, object>} */
const pictures = new Map();
let video = { isOn: false };
let pace = { sampleMs: 500, windowMs: 60_000 };
/** The server's clock less ours. */
let aheadMs = 0;
let hasEnded = false;
let endedAt = 0;
let room = '';

function setState(name) {
  const [state, text, notice] = STATES[name];
  parts.state.dataset.state = state;
  find('state-text').textContent = text;
  setNotice(notice);
}

function setNotice(text) {
  parts.notice.textContent = text;
  parts.notice.hidden = text === '';
}

/** The token stands behind the # and is sent nowhere but to the server; it leaves the address bar, and stays for this tab. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) {
    sessionStorage.setItem('token', given);
    history.replaceState(null, '', location.pathname);
  }
  return given ?? sessionStorage.getItem('token') ?? '';
}

const token = takeToken();
const feed = new Feed(token, {
  onState: setState,
  onLine: (line) => HANDLERS[line.type]?.(line),
});

const HANDLERS = {
  hello(line) {
    setState('live');
    ({ video } = line);
    pace = line;
    if (room !== line.room) closePictures();
    room = line.room;
    parts.room.textContent = room === '' ? 'latchkey' : room;
    document.title = room === '' ? 'latchkey' : `${room} – latchkey`;
    aheadMs = line.at - Date.now();
    lanes.clear();
    parts.lanes.replaceChildren();
    parts.log.replaceChildren();
    for (const { id, name, samples } of line.history) {
      const lane = laneOf(id);
      lane.call(name);
      lane.isShown = pictures.has(id);
      for (const sample of samples) lane.strip.add(sample);
      lane.leave();
    }
    for (const happening of line.happenings) tell(happening, lanes.get(happening.id));
  },
  now(line) {
    const fresh = line.at - Date.now();
    aheadMs = Math.abs(fresh - aheadMs) > 1000 ? fresh : Math.max(fresh, aheadMs - 1);
    showRooms(line.rooms);
    // Opened before anybody called: the first room is the one to see.
    const [first] = line.rooms.filter(({ people }) => people > 0);
    if (room === '' && first) return feed.watch(first.name);
    const here = new Set(line.people.map(({ id }) => id));
    for (const person of line.people) {
      const lane = laneOf(person.id);
      lane.strip.add(person.sample);
      lane.show(person);
    }
    for (const [id, lane] of lanes) if (!here.has(id) && !lane.isGone) lane.leave();
    showCount(line.people);
    return undefined;
  },
  happened({ happening }) {
    const { id, name = '' } = happening;
    // Of a newcomer this is the first that is told.
    if (!lanes.has(id) && happening.kind !== 'left') laneOf(id).call(name);
    tell(happening, lanes.get(id));
  },
  ended({ at }) {
    hasEnded = true;
    endedAt = at;
    setState('ended');
  },
};

function laneOf(id) {
  const present = lanes.get(id);
  if (present) return present;
  const lane = new Lane(template, pace, () => showPicture(id, lane));
  lanes.set(id, lane);
  parts.lanes.append(lane.element);
  lane.strip.readColours();
  return lane;
}

/** What shows pictures is loaded with the first one: few rooms have any. */
async function showPicture(id, lane) {
  if (!video.isOn) return setNotice(`There are no pictures: ${video.trouble ?? 'the server shows none'}.`);
  if (pictures.has(id)) return undefined;
  lane.isShown = true;
  lane.parts.watch.hidden = true;
  const { Picture } = await import('/video.js');
  const onClose = () => {
    pictures.get(id)?.close();
    pictures.delete(id);
    parts.stage.hidden = pictures.size === 0;
    lane.isShown = false;
    lane.parts.watch.hidden = false;
    lane.parts.watch.focus();
  };
  const picture = new Picture(find('picture'), { room, id, name: calledBy(lane.name), token, onClose });
  pictures.set(id, picture);
  parts.stage.append(picture.element);
  parts.stage.hidden = false;
  return undefined;
}

function closePictures() {
  for (const picture of pictures.values()) picture.close();
  pictures.clear();
  parts.stage.hidden = true;
}

function showCount(people) {
  const text = peopleInWords(people);
  if (parts.count.textContent !== text) parts.count.textContent = text;
  parts.empty.hidden = lanes.size > 0;
  parts.axis.hidden = lanes.size === 0;
  parts.legend.hidden = lanes.size === 0;
}

function showRooms(rooms) {
  const names = rooms.map(({ name }) => name);
  if (room !== '' && !names.includes(room)) names.unshift(room);
  parts.pick.hidden = names.length < 2;
  const shown = [...parts.rooms.options].map(({ value }) => value);
  if (shown.join('\n') !== names.join('\n'))
    parts.rooms.replaceChildren(...names.map((name) => new Option(name, name)));
  parts.rooms.value = room;
}

parts.rooms.addEventListener('change', () => feed.watch(parts.rooms.value));

/** The newest on top. */
function tell(happening, lane) {
  lane?.mark(happening);
  const { tone, sign } = look(happening);
  const item = document.createElement('li');
  const time = document.createElement('time');
  const at = new Date(happening.at);
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString([], { hour12: false });
  const mark = document.createElement('span');
  mark.className = `sign ${tone}`;
  mark.ariaHidden = 'true';
  mark.textContent = sign;
  const text = document.createElement('span');
  for (const piece of sentence(happening)) {
    if (typeof piece === 'string') text.append(piece);
    else text.append(Object.assign(document.createElement('b'), { textContent: piece.address }));
  }
  item.append(time, mark, text);
  parts.log.prepend(item);
  while (parts.log.children.length > LOG_MAX) parts.log.lastElementChild.remove();
}

/** A minute, once there is one; of a younger room as much as there is, so that it fills the strip. */
function spanAt(now) {
  const oldest = Math.min(now, ...[...lanes.values()].map(({ strip }) => strip.since ?? now));
  return Math.min(Math.max(now - oldest + 2000, SHORTEST_MS), pace.windowMs);
}

function showAxis(spanMs) {
  const ticks = [...parts.axis.children];
  for (const [i, tick] of ticks.entries()) {
    const seconds = Math.round((spanMs / 1000) * (1 - i / (ticks.length - 1)));
    const text = seconds === 0 ? 'now' : `${seconds} s ago`;
    if (tick.textContent !== text) tick.textContent = text;
  }
}

let drawnAt = 0;
function frame(at) {
  if (at - drawnAt >= FRAME_MS) {
    drawnAt = at;
    const now = hasEnded ? endedAt : Date.now() + aheadMs;
    const spanMs = spanAt(now);
    showAxis(spanMs);
    for (const [id, lane] of lanes) {
      lane.strip.spanMs = spanMs;
      lane.draw(now);
      if (lane.isGone && !hasEnded && lane.strip.isOver(now)) {
        lane.element.remove();
        lanes.delete(id);
      }
    }
  }
  requestAnimationFrame(frame);
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const lane of lanes.values()) lane.strip.readColours();
});

feed.watch('');
requestAnimationFrame(frame);
