// What is said of what happened, in words for people. Every text of the page that depends on what the server tells is here.

/** @param {string} name */
export function calledBy(name) {
  return name === '' ? 'Somebody' : name.charAt(0).toUpperCase() + name.slice(1);
}

const NATS = {
  none: 'changes nothing',
  address: 'changes the address',
  port: 'changes the port',
  both: 'changes address and port',
};

/** How many are in the room, and how many packets were turned away at its door. */
export function peopleInWords(people) {
  const count = ['Nobody is', 'One is'][people.length] ?? `${people.length} are`;
  const refused = people.reduce((sum, person) => sum + person.refused, 0);
  const turnedAway = refused === 0 ? '' : `; ${grouped(refused)} packets of strangers were refused`;
  return `${count} in the room${turnedAway}`;
}

/** @param {string | undefined} nat */
export function natInWords(nat) {
  return NATS[nat] ?? '';
}

/** What protects a call: a text, and whether an address is proved, found without a proof, not yet, or open to whoever comes. */
export function proofInWords({ protection, mapping }) {
  switch (protection) {
    case 'latch':
      return mapping ? ['proved', 'proved by latch'] : ['wait', 'asked to prove where it is'];
    case 'direct':
      return ['proved', 'proved by latch, no NAT'];
    case 'ice':
      return mapping ? ['proved', 'proved by ICE'] : ['wait', 'asked to prove where it is'];
    case 'srtp':
      return mapping
        ? ['proved', 'proved by the key of its SRTP']
        : ['wait', 'nothing has come under its key'];
    case 'evidence':
      return mapping
        ? ['found', 'found by its stream, no proof']
        : ['wait', 'has no key: looked for by its stream'];
    case 'carried':
      return ['wait', 'comes over RTSP'];
    case 'legacy':
      return ['open', 'blind: goes to who sends first'];
    case 'none':
      return ['open', 'nothing proves where it is'];
    case 'pending':
      return ['wait', 'the call is being set up'];
    default:
      return ['wait', protection];
  }
}

const KINDS = {
  joined: ['quiet', '→', 'joined'],
  left: ['quiet', '←', 'left'],
  verified: ['proved', '✓', 'proved'],
  direct: ['proved', '✓', 'proved'],
  rebound: ['moved', '⇄', 'moved'],
  locked: ['moved', '⌖', 'found'],
  contested: ['warn', '?', 'contested'],
  question: ['quiet', '⇢', 'asked'],
  conflict: ['warn', '!', 'conflict'],
  unheard: ['warn', '∅', 'not heard'],
  silent: ['quiet', '…', 'silent'],
  expired: ['warn', '…', 'gone quiet'],
  legacy: ['warn', '?', 'blind'],
  unprotected: ['warn', '?', 'unprotected'],
  downgraded: ['warn', '↓', 'less protected'],
  mismatch: ['warn', '≠', 'no common codec'],
  stranger: ['refused', '✕', 'refused'],
};

/** How a happening looks: its tone, its sign, and a word for it. What only evidence says is not proved. */
export function look({ kind, protection }) {
  const isFound = protection === 'evidence' && (kind === 'verified' || kind === 'direct');
  const [tone, sign, word] = KINDS[isFound ? 'locked' : kind] ?? ['quiet', '·', kind];
  return { tone, sign, word };
}

/** On what ground somebody without a key is taken for the one who called. */
const GROUNDS = {
  ssrc: 'the description announced this stream',
  sdp: 'that is the address in the description',
  home: 'that is where the signalling comes from',
  question: 'it moved to a port that only the signalling told',
};

/** A sentence, as pieces: strings, and addresses in `{ address }`. */
export function sentence(happening) {
  const { kind, name = '', remote, previous, signalled, nat, rttMs, ground, protection } = happening;
  const who = calledBy(name);
  const at = (address) => ({ address });
  switch (kind) {
    case 'joined':
      return [`${who} is in the room.`];
    case 'left':
      return [`${who} has left.`];
    case 'locked':
      return [
        `${who} brings no key, and is found at `,
        at(remote),
        `: ${GROUNDS[ground] ?? 'by its stream'}. No proof.`,
      ];
    case 'contested':
      return [
        `Two might be ${who}: nothing is taken and nothing goes out until one has moved to another port.`,
      ];
    case 'question':
      return [`${who} is asked over the signalling to send to another port.`];
    case 'verified':
    case 'direct':
      if (protection === 'evidence') return [`${who} is found at `, at(remote), ' by its stream. No proof.'];
      return nat === 'none' || !signalled
        ? [`${who} proved to be at `, at(remote), within(rttMs), '.']
        : [
            `${who} proved to be at `,
            at(remote),
            within(rttMs),
            '; the description said ',
            at(signalled),
            '.',
          ];
    case 'rebound':
      return [
        `${who} moved from `,
        at(previous),
        ' to ',
        at(remote),
        ...(protection === 'evidence' ? [': its stream goes on there'] : [' and proved it', within(rttMs)]),
        '. The media follows.',
      ];
    case 'conflict':
      return ['Two addresses answer for ', `${who}. Nothing moves to `, at(remote), '.'];
    case 'unheard':
      return remote
        ? [`Nobody hears ${who}: what comes from `, at(remote), ' proves nothing, and is not taken.']
        : [`Nobody hears ${who}, and nothing goes there: no address has proved to be the right one.`];
    case 'silent':
      return [`${who} is on hold and sends nothing: the server asks whether anybody is there.`];
    case 'expired':
      return [`${who} does not answer any more.`];
    case 'legacy':
      return [`${who} was latched blindly to `, at(remote), ': whoever sends first has the media.'];
    case 'unprotected':
      return [`Nothing proves where ${who} is.`];
    case 'downgraded':
      return [`${who} is less well protected than was offered.`];
    case 'mismatch':
      return [`${who} and another have no audio codec in common.`];
    case 'stranger':
      return [
        at(remote),
        ` sends in the name of ${who} and cannot prove it. Nothing is taken, and nothing goes there.`,
      ];
    default:
      return [`${who}: ${kind}.`];
  }
}

function within(rttMs) {
  return rttMs === undefined ? '' : ` in ${rttMs < 10 ? rttMs : Math.round(rttMs)} ms`;
}

const RUN_ENDS = {
  missing: 'The server has no ffmpeg: there is no picture until somebody installs it',
  ended: 'The stream has ended',
  crashed: 'ffmpeg has failed on the server',
};

/** What is said in place of a picture, or nothing where there is one. */
export function pictureInWords({ state, reason, retryMs }) {
  switch (state) {
    case 'playing':
      return '';
    case 'starting':
      return 'The picture is on its way …';
    case 'waiting':
      return `${RUN_ENDS[reason]}. Next try in ${retryMs < 1000 ? 'a moment' : `${Math.round(retryMs / 1000)} s`}.`;
    case 'over':
      return 'Nobody sends this picture any more.';
    case 'full':
      return 'The server shows as many pictures as it may.';
    default:
      return 'The connection is lost. Trying again …';
  }
}

/** @param {number} count */
export function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** The numbers below a strip; `bad` ones stand out. */
export function factsOf({ refused, strangers, hears }, lostPercent) {
  const facts = [{ text: `sends, ${percent(lostPercent)} lost` }];
  if (hears) facts.push({ text: `hears, ${percent(hears.lossPercent)} lost` });
  if (hears?.roundTripMs !== undefined) facts.push({ text: `round trip ${hears.roundTripMs} ms` });
  if (refused > 0) {
    const from = strangers.length === 0 ? '' : ` from ${strangers.join(', ')}`;
    facts.push({ text: `${grouped(refused)} packets refused${from}`, isBad: true });
  }
  return facts;
}

function percent(value) {
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
}

/** What the strip shows, for who hears it read. */
export function stripInWords(name, { silentS, lostPercent, refused, seconds }) {
  const silent = silentS === 0 ? 'no silence' : `${silentS} s of silence`;
  return `${calledBy(name)}, the last ${seconds} s: ${silent}, loss ${percent(lostPercent)}, ${grouped(refused)} packets refused.`;
}
