/**
 * Keeps secrets out of the logs of a user agent (protocol.md 2: the secret is in none). sip.js prints whole messages by
 * default; they stay readable, but for the values of the attributes that hold a key.
 */
import type { UserAgent } from 'sip.js';

const SECRETS = /^(a=(?:latch|ice-pwd|crypto):).*$/gm;
const quiet = new WeakSet<object>();

/**
 * From now on nothing that this user agent logs, to the console or to its `logConnector`, has a key in it. The factories of
 * this plugin do it with the first session; a callee calls it right after `new UserAgent`, since the first INVITE is logged
 * before there is a session. Idempotent.
 */
export function hideSecrets(userAgent: UserAgent): void {
  const loggers = userAgent.getLoggerFactory();
  if (quiet.has(loggers)) return;
  quiet.add(loggers);
  const log = loggers.genericLog.bind(loggers);
  loggers.genericLog = (level, category, label, content: unknown) => {
    log(
      level,
      category,
      label,
      typeof content === 'string' ? content.replace(SECRETS, '$1[redacted]') : content,
    );
  };
}
