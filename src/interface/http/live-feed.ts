import { Readable } from 'node:stream';

import type { LiveFigures } from '../../application/observation/live-figures';

/** Bytes that may wait for a slow reader: some ten figures. */
const BUFFER = 4096;

/**
 * The figures as server-sent events (WHATWG HTML 9.2), one `data` line each. A reader that does not keep up misses the
 * figures for which there is no room; nothing is kept for it.
 */
export function feedOf(figures: LiveFigures): Readable {
  let room = false;
  const stream = new Readable({
    highWaterMark: BUFFER,
    read() {
      room = true;
    },
    destroy(error, done) {
      unwatch();
      done(error);
    },
  });
  const unwatch = figures.watch((now) => {
    if (room) room = stream.push(`data: ${JSON.stringify(now)}\n\n`);
  });
  // A comment, so that the reader has its status at once.
  stream.push(':\n\n');
  return stream;
}
