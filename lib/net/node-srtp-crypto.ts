// SRTP's ciphers, made of node:crypto. A block cipher is set up once for a key, and then costs a call for each packet.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Aead, SrtpCrypto } from '../srtp/index.js';
import { nativeTransform } from './batch/native-transform.js';

const TAG_SIZE_BYTES = 16;

/** By node:crypto alone, on every machine. */
export const nodeSrtpCrypto: SrtpCrypto = {
  aesBlocks(key) {
    const cipher = createCipheriv(`aes-${8 * key.length}-ecb`, key, null).setAutoPadding(false);
    return (blocks) => cipher.update(blocks);
  },
  aesGcm(key): Aead {
    const algorithm = key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm';
    const kept = Uint8Array.from(key);
    return {
      seal(nonce, associated, clear) {
        const cipher = createCipheriv(algorithm, kept, nonce);
        cipher.setAAD(associated);
        const body = cipher.update(clear);
        cipher.final();
        return Buffer.concat([body, cipher.getAuthTag()]);
      },
      open(nonce, associated, sealed) {
        const tagAt = sealed.length - TAG_SIZE_BYTES;
        const decipher = createDecipheriv(algorithm, kept, nonce, { authTagLength: TAG_SIZE_BYTES });
        decipher.setAAD(associated).setAuthTag(sealed.subarray(tagAt));
        const clear = decipher.update(sealed.subarray(0, tagAt));
        try {
          decipher.final();
        } catch {
          return undefined;
        }
        return clear;
      },
    };
  },
};

/** By the addon where there is one, which takes a third of the time. */
export const fastSrtpCrypto: SrtpCrypto = { ...nodeSrtpCrypto, transform: nativeTransform };
