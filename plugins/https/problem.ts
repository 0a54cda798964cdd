// What is refused, in the words of RFC 9457: a status, and a sentence for people. Nothing of what was sent is quoted.
import type { ServerResponse } from 'node:http';

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
} as const;

export type ProblemStatus = keyof typeof TITLES;

export class Problem extends Error {
  override readonly name = 'Problem';

  /** @param headers Of the response: `Retry-After`, `Allow`, `WWW-Authenticate`. */
  constructor(
    readonly status: ProblemStatus,
    detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
  }
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const { status, message: detail, headers } = problem;
  // What is left of a body that nobody will read ends with the connection.
  if (!response.req.complete) response.shouldKeepAlive = false;
  send(
    response,
    status,
    { type: 'about:blank', title: TITLES[status], status, detail },
    headers,
    'problem+json',
  );
}

export function send(
  response: ServerResponse,
  status: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
  subtype = 'json',
): void {
  if (response.headersSent || response.destroyed) return;
  // Keys are in it: no cache keeps them.
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    ...(body && { 'Content-Type': `application/${subtype}` }),
    ...headers,
  });
  response.end(body && JSON.stringify(body));
}
