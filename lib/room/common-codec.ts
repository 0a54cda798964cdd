/*
 * Whether two participants of a room can hear each other by the codecs that they have agreed on, and which codec all could
 * take. A room passes packets on as they are, so a codec that the listener does not take is silence.
 */
import { alsoTaken, identityOf } from './codec-identity.js';
import { isEvent } from './formats.js';
import type { Format } from './formats.js';
import type { NegotiatedStream } from './stream.js';

/** What a participant sends by: the first codec of the agreement (RFC 3264 section 6.1). */
export function spokenCodec({ accepts }: Pick<NegotiatedStream, 'accepts'>): Format | undefined {
  return accepts.find((format) => !isEvent(format));
}

function takes({ accepts }: NegotiatedStream, format: Format): boolean {
  const codec = identityOf(format);
  return accepts.some((one) => identityOf(one) === codec || alsoTaken(one).includes(codec));
}

/** The listener cannot take what the speaker sends by. Not so while either is on hold. */
export function isUnheard(speaker: NegotiatedStream, listener: NegotiatedStream): boolean {
  const spoken = speaker.isSending && listener.isListening ? spokenCodec(speaker) : undefined;
  return spoken !== undefined && !takes(listener, spoken);
}

/** The first of these codecs that all who listen can take. */
export function commonCodec(
  formats: readonly Format[],
  listeners: readonly NegotiatedStream[],
): Format | undefined {
  const hearing = listeners.filter(({ isListening }) => isListening);
  return formats.find((format) => !isEvent(format) && hearing.every((listener) => takes(listener, format)));
}
