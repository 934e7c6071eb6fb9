import { setTimeout as wait } from 'node:timers/promises';

import type { Pace } from './commands';
import { microseconds } from './template';

/**
 * Calls `send` with how many messages are due until `count` were sent: at the rate, whatever the answers do, or as many
 * as the window has room for.
 */
export async function pace(
  { count, rate, window }: Pace,
  unanswered: () => number,
  send: (messages: number) => void,
): Promise<void> {
  const start = microseconds();
  let sent = 0;
  while (sent < count) {
    const due =
      rate > 0 ? Math.floor(((microseconds() - start) / 1e6) * rate) - sent : window - unanswered();
    const now = Math.min(due, count - sent);
    if (now > 0) {
      send(now);
      sent += now;
    }
    if (rate > 0) await wait(1);
    else await new Promise((resolve) => setImmediate(resolve));
  }
}
