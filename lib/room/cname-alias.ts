/*
 * Names that the others are told in place of a participant's own CNAMEs, which often have its address, and may have its SSRC, in them. Equal
 * ones stay equal, so that sound and picture are still brought together; it remembers none of them.
 */
import { createHmac, randomBytes } from 'node:crypto';

/** 96 bits, as RFC 7022 section 5 has it. */
const ALIAS_CHARACTERS = 16;

export class CnameAlias {
  readonly #key = randomBytes(32);

  of(cname: string): string {
    return createHmac('sha256', this.#key).update(cname).digest('base64url').slice(0, ALIAS_CHARACTERS);
  }
}
