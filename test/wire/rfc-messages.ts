// Messages printed in RFCs, with their keys: RFC 5769 sections 2.1 to 2.4 (published test vectors), and RFC
// 8489 appendix B.1 as erratum 6268 corrects it. One attribute a line; padding is as printed, spaces included.
import { createHash } from 'node:crypto';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');

/** Section 2.4's user: the Katakana word for "matrix". */
export const MATRIX_USER = '\u30de\u30c8\u30ea\u30c3\u30af\u30b9';

export interface RfcMessage {
  readonly name: string;
  readonly bytes: Buffer;
  readonly key: Uint8Array;
  readonly integrity: 'sha1' | 'sha256';
  readonly hasFingerprint: boolean;
}

const SHORT_TERM = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt', 'ascii');

export const SAMPLE_REQUEST: RfcMessage = {
  name: 'RFC 5769 2.1, request',
  key: SHORT_TERM,
  integrity: 'sha1',
  hasFingerprint: true,
  bytes: hex(`
    00010058 2112a442 b7e7a701bc34d686fa87dfae
    80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff
    80290008 932ff9b151263b36
    00060009 6576746a3a68367659 202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
    80280004 e57a3bcf`),
};

export const SAMPLE_IPV4_RESPONSE: RfcMessage = {
  name: 'RFC 5769 2.2, IPv4 response',
  key: SHORT_TERM,
  integrity: 'sha1',
  hasFingerprint: true,
  bytes: hex(`
    0101003c 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f72 20
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96`),
};

export const SAMPLE_IPV6_RESPONSE: RfcMessage = {
  name: 'RFC 5769 2.3, IPv6 response',
  key: SHORT_TERM,
  integrity: 'sha1',
  hasFingerprint: true,
  bytes: hex(`
    01010048 2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f72 20
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c`),
};

export const LONG_TERM_REQUEST: RfcMessage = {
  name: 'RFC 5769 2.4, request with long-term credentials',
  key: createHash('md5').update(`${MATRIX_USER}:example.org:TheMatrIX`).digest(),
  integrity: 'sha1',
  hasFingerprint: false,
  bytes: hex(`
    00010060 2112a442 78ad3433c6ad72c029da412e
    00060012 e3839ee38388e383aae38383e382afe382b9 0000
    0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
    0014000b 6578616d706c652e6f7267 00
    00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666`),
};

export const SHA256_REQUEST: RfcMessage = {
  name: 'RFC 8489 B.1, request with USERHASH and SHA-256',
  key: createHash('sha256').update(`${MATRIX_USER}:example.org:TheMatrIX`).digest(),
  integrity: 'sha256',
  hasFingerprint: false,
  bytes: hex(`
    00010090 2112a442 78ad3433c6ad72c029da412e
    001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
    00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c394653547679363473
             41 000000
    0014000b 6578616d706c652e6f7267 00
    001d0004 00020000
    001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65`),
};

export const RFC_MESSAGES = [
  SAMPLE_REQUEST,
  SAMPLE_IPV4_RESPONSE,
  SAMPLE_IPV6_RESPONSE,
  LONG_TERM_REQUEST,
  SHA256_REQUEST,
] as const;
