// Reads the JSON of a request, bounded in bytes and in time. A framework that has parsed it already has left it in `body`.
import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.js';

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** @throws Problem 400, 408, 413 */
export async function readJson(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  const { body } = request as IncomingMessage & { body?: unknown };
  if (typeof body === 'object' && body !== null && !Buffer.isBuffer(body)) return body;
  const bytes = Buffer.isBuffer(body) ? body : await readBytes(request, limits);
  if (bytes.length > limits.maxBytes) throw tooLarge(limits);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new Problem(400, 'the body is no JSON');
  }
}

function readBytes(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.maxBytes) return Promise.reject(tooLarge(limits));
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      end();
    };
    const timer = setTimeout(() => {
      settle(() => reject(new Problem(408, 'the body did not come in time')));
    }, limits.timeoutMs);
    const onData = (piece: Buffer): void => {
      size += piece.length;
      pieces.push(piece);
      if (size > limits.maxBytes) settle(() => reject(tooLarge(limits)));
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(pieces)));
    const onError = (): void => settle(() => reject(new Problem(400, 'the request broke off')));
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError);
  });
}

function tooLarge({ maxBytes }: BodyLimits): Problem {
  return new Problem(413, `a body has at most ${maxBytes} bytes`);
}
