// Hostile inputs for what plugins/https reads: paths, bodies, and the descriptions that are made of them.
import { offerOf, readSessionRequest } from '../../plugins/https/session-description.js';
import { readPath } from '../../plugins/https/resource-path.js';
import { familyOf, filled } from './shapes.js';
import type { Families } from './shapes.js';

const BODY_BYTES = 16_384;
const START =
  '{"version":1,"tag":"Xk3pQ7vT0aLm","secret":"9lubHdWjU5bwM2LRiafWCjC0yXeV6L7Mwibi_47dRBI","room":"a","suites":["AES-256"';

const attempt = (text: string): unknown => {
  try {
    return offerOf(readSessionRequest(JSON.parse(text)));
  } catch (error) {
    return error;
  }
};
const body = (start: string, unit: string, end: string) =>
  familyOf(BODY_BYTES, (size) => filled(START + start, unit, end, size), attempt);

export const httpsFamilies: Families = {
  readPath: {
    slashes: familyOf(BODY_BYTES, (size) => filled('', '/', '', size), readPath),
    resources: familyOf(BODY_BYTES, (size) => filled('', '/latch/v1/keys', '/', size), readPath),
  },
  readSessionRequest: {
    suites: body('', ',"AES-256"', '],"media":[{"kind":"audio"}]}'),
    media: body('],"media":[{"kind":"audio"}', ',{"kind":"video"}', ']}'),
    formats: body(
      '],"media":[{"kind":"audio","formats":[{"payloadType":0,"encoding":"PCMU/8000"}',
      ',{"payloadType":0,"encoding":"PCMU/8000"}',
      ']}]}',
    ),
    'a long encoding': body(
      '],"media":[{"kind":"audio","formats":[{"payloadType":0,"encoding":"',
      'a',
      '"}]}]}',
    ),
    'unknown fields': body('],"media":[{"kind":"audio"}]', ',"x":1', '}'),
    depth: familyOf(BODY_BYTES, (size) => '['.repeat(size / 2) + ']'.repeat(size / 2), attempt),
  },
};
