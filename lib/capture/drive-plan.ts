/*
 * Which side of each captured call is driven, and what the two sides agreed on and when. The server's side is the one whose
 * signalled address asked challenges or, where nobody did, got far more RTP; of two alike, the one that was called. It makes
 * nothing up: a call without an offer and its answer has no plan.
 */
import type { Call, MediaDescription } from './call.js';
import type { ChallengeSurvey } from './challenge-survey.js';
import type { Party } from './party.js';

/** An offer and its answer (RFC 3264), as the two sides sent them; both hold secrets. */
export interface DriveExchange {
  /** Milliseconds since 1970; -Infinity for before the capture. */
  readonly offeredMs: number;
  readonly answeredMs: number;
  readonly isServerOffer: boolean;
  readonly offer: string;
  readonly answer: string;
}

/** The server's side of one call. */
export interface DrivePlan {
  /** The Call-ID, or another name of the call. */
  readonly call: string;
  /** The server's IP address in this capture, where it is not the one that its descriptions name. */
  readonly address?: string;
  readonly exchanges: readonly DriveExchange[];
  /** When the server forgot the call; undefined where the capture does not say. */
  readonly endMs?: number;
}

/** Both ends of a call get about the same, seen from a place where both addresses are the signalled ones. */
const FAR_MORE = 2;

export function planDrive(calls: readonly Call[], survey: ChallengeSurvey): DrivePlan[] {
  return calls.flatMap((call) => {
    const server = serverOf(call, survey);
    const exchanges = exchangesOf(call, server);
    if (exchanges.length === 0) return [];
    return [{ call: call.callId, exchanges, ...(call.hasEnded && { endMs: call.endMs }) }];
  });
}

function serverOf({ descriptions }: Call, survey: ChallengeSurvey): Party {
  const [caller, callee] = (['caller', 'callee'] as const).map((side) => {
    const places = descriptions
      .filter(({ party }) => party === side)
      .flatMap(({ media }) => media.flatMap(({ rtp }) => rtp ?? []));
    const sum = (count: (place: (typeof places)[number]) => number) =>
      places.reduce((total, place) => total + count(place), 0);
    return {
      asked: sum((place) => survey.challengesFrom(place)),
      received: sum((place) => survey.rtpTo(place)),
    };
  });
  if (!caller || !callee) return 'callee';
  if (caller.asked !== callee.asked) return caller.asked > callee.asked ? 'caller' : 'callee';
  return caller.received > FAR_MORE * callee.received ? 'caller' : 'callee';
}

/** Those of one dialog: of the forks, that which was answered. An answer that is repeated changes nothing. */
function exchangesOf({ descriptions, forks }: Call, server: Party): DriveExchange[] {
  const exchanges: DriveExchange[] = [];
  const answered = descriptions.filter(({ role, fork }) => role === 'answer' && fork !== '');
  const dialog =
    forks.find(({ tag, status }) => status === 200 && answered.some(({ fork }) => fork === tag))?.tag ??
    answered[0]?.fork;
  let offer: MediaDescription | undefined;
  for (const description of descriptions) {
    if (description.fork !== '' && description.fork !== dialog) continue;
    if (description.role === 'offer') {
      offer = description;
    } else if (offer) {
      exchanges.push({
        offeredMs: offer.atMs,
        answeredMs: description.atMs,
        isServerOffer: offer.party === server,
        offer: offer.sdp(),
        answer: description.sdp(),
      });
      offer = undefined;
    }
  }
  return exchanges;
}
