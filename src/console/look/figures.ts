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
  while (!signal.aborted && trouble.value !== 'forbidden') {
    try {
      await source.feed(signal, (figures) => {
        trouble.value = undefined;
        latest.value = figures;
        history.value = [...history.value, figures].slice(-KEPT);
      });
      trouble.value = 'away';
    } catch (error) {
      trouble.value = error instanceof GatewayError && error.status === 403 ? 'forbidden' : 'away';
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}
