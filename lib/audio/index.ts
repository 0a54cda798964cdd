/*
 * What a voice agent needs between the media port of a phone call and its service: pace, a jitter buffer, G.711, digits, and the answer
 * to the phone's offer.
 */
export { createVoice } from './voice.js';
export type { Voice, VoiceCounters, VoiceEvents, VoiceOptions, VoicePort } from './voice.js';
