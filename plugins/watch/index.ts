/**
 * A page that shows the rooms of a distribution server as they are: who is in them, where each one's media goes and what proves that,
 * and in a strip of time what came, what was lost, and what was refused. It reads what the server tells, and changes nothing.
 */
import { checkedOptions } from './options.js';
import { WatchServer } from './watch-server.js';
import type { Watch, WatchOptions } from './watch-types.js';

export type {
  VideoHappening,
  VideoOptions,
  VideoSource,
  Watch,
  WatchCounters,
  WatchEvents,
  WatchListenOptions,
  WatchOptions,
} from './watch-types.js';

/**
 * Makes the server of the page; `start()` opens it.
 *
 * @throws LatchkeyError LATCHKEY_OPTION naming the option and what it accepts.
 */
export function createWatch(options: WatchOptions): Watch {
  return new WatchServer(checkedOptions(options));
}
