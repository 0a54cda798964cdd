// What a request is about: `…/latch/v1/keys` or `…/latch/v1/sessions`, or one of them by its name.
import type { Resource } from './https-types.js';

/** Before the resource may stand whatever the handler is mounted below. */
const PATH = /\/latch\/v1\/(keys|sessions)(?:\/([A-Za-z0-9_-]{1,64}))?$/;
const PATH_MAX = 1024;

export interface ResourcePath {
  /** Up to the resource, as the client said it. */
  readonly base: string;
  readonly resource: Resource;
  readonly id: string | undefined;
}

/** Undefined where it is none of ours. */
export function readPath(path: string): ResourcePath | undefined {
  if (path.length > PATH_MAX) return undefined;
  const match = PATH.exec(path);
  if (!match) return undefined;
  const [, resource, id] = match;
  const base = path.slice(0, path.length - (id === undefined ? 0 : id.length + 1));
  return { base, resource: resource as Resource, id };
}
