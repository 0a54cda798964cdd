/**
 * Why a description of the peer is not taken, and how sip.js is brought to say so: by itself it answers 480 to any trouble
 * with a first INVITE.
 */
import type { Session } from 'sip.js';
import { formatWarning } from '../../lib/index.js';

/** A description that cannot be taken: the SIP status, and of a Warning header the code and, as its message, the text. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly status: 400 | 488,
    warning: string,
    readonly warnCode = 399,
  ) {
    super(warning);
  }
}

interface Rejectable {
  reject(options: { statusCode: number; extraHeaders: string[] }): Promise<void>;
}

/** Answers the INVITE that made the session, where there is one to answer. Nothing else is changed. */
export async function rejectInvitation(
  session: Session,
  { status, message, warnCode }: Refusal,
): Promise<void> {
  const invitation = session as Session & Partial<Rejectable>;
  const state: string = session.state;
  const isOpen = state === 'Initial' || state === 'Establishing';
  if (!isOpen || typeof invitation.reject !== 'function') return;
  const warning = formatWarning('latchkey', message, warnCode);
  await invitation.reject({ statusCode: status, extraHeaders: [`Warning: ${warning}`] });
}
