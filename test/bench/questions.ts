// What a build of latchkey is asked by the bench that compares two, and what it answers.

export const QUESTIONS = ['call', 'packet', 'packetOfMany', 'guarded', 'copy', 'heap'] as const;
export type Question = (typeof QUESTIONS)[number];
export type Answer = { readonly cost: number } | { readonly refused: string };
