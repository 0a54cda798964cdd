// Optional peers (`sip`, `rtp.js`): loaded when a command needs them, and when one is missing the user is told which
// `npm install` mends it. Nothing here installs anything.
import { createRequire } from 'node:module';
import { Failure } from './failure.js';

/**
 * Runs an import of something that needs optional peers: `await withPeers(() => import('../room/index.js'))`.
 * Throws a Failure that names the package to install where one is missing; whatever else is wrong passes.
 */
export async function withPeers<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const peer = missingPeer(error);
    if (peer === undefined) throw error;
    throw new Failure(`this needs the package ${peer.name}: npm install ${peer.name}@${peer.range}`);
  }
}

function missingPeer(error: unknown): { name: string; range: string } | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined;
  const name = /Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1];
  const manifest = createRequire(import.meta.url)('latchkey/package.json') as {
    peerDependencies: Record<string, string>;
  };
  const range = name === undefined ? undefined : manifest.peerDependencies[name];
  return name === undefined || range === undefined ? undefined : { name, range };
}
