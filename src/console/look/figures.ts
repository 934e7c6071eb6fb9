import { effect, signal } from '@preact/signals';

import { gateway } from '../access/access';
import type { Figures } from '../access/feed';
import { type Gateway, GatewayError } from '../access/gateway';

/** Seconds of figures that are kept and drawn. */
export const KEPT = 300;
/** ms before the feed is asked for again. */
const AGAIN = 2000;

export const history = signal<readonly Figures[]>([]);
export const latest = signal<Figures | undefined>(undefined);
/** Why no figures come: the key has not the scope, or the node is away for now. */
export const trouble = signal<'forbidden' | 'away' | undefined>(undefined);

effect(() => {
  const source = gateway.value;
  if (source === undefined) return undefined;
  const ending = new AbortController();
  void follow(source, ending.signal);
  return () => {
    ending.abort();
  };
});

/** Reads the feed, again and again, until it is told to stop or the key has no right to it. */
async function follow(source: Gateway, signal: AbortSignal): Promise<void> {
  // Its first call runs inside the effect, which would begin anew at each change of what is read by `value` there.
  const goesOn = (): boolean => !signal.aborted && trouble.peek() !== 'forbidden';
  while (goesOn()) {
    const why = await readFeed(source, signal);
    if (signal.aborted) return;
    trouble.value = why;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** Resolves to why there are no more figures. */
async function readFeed(source: Gateway, signal: AbortSignal): Promise<'forbidden' | 'away'> {
  try {
    await source.feed(signal, (figures) => {
      trouble.value = undefined;
      latest.value = figures;
      history.value = [...history.peek(), figures].slice(-KEPT);
    });
    return 'away';
  } catch (error) {
    return error instanceof GatewayError && error.status === 403 ? 'forbidden' : 'away';
  }
}
