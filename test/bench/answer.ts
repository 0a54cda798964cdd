// A server's answer to an offer: the same description with another port.
import type { Session } from '../../lib/index.js';

export function answer(session: Session, offer = '', port = 0): string {
  const verdict = session.setRemote(offer);
  if (!verdict.accepted) throw new Error(verdict.warning);
  return session.setLocal(offer.replace(/^a=latch.*\r\n/gm, '').replace(/m=audio \d+/, `m=audio ${port}`));
}
