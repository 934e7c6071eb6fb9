import { host } from './host';
import type { ClientEvents } from './types';

export type Listener<K extends keyof ClientEvents> = (event: ClientEvents[K]) => void;

/** Adds a function until the one that it returns is called. The same function added twice is two. */
export function register<T>(
  set: Set<(value: T) => unknown>,
  listener: (value: T) => unknown,
): () => void {
  const own = (value: T): unknown => listener(value);
  set.add(own);
  return () => {
    set.delete(own);
  };
}

/** Calls listeners by the name of the event; one that throws does not keep the others from being called. */
export class EventHub {
  private readonly listeners: { [K in keyof ClientEvents]?: Set<Listener<K>> } = {};

  listen<K extends keyof ClientEvents>(name: K, listener: Listener<K>): () => void {
    const set: Set<Listener<K>> = (this.listeners[name] ??= new Set<never>());
    return register(set, listener);
  }

  emit<K extends keyof ClientEvents>(name: K, event: ClientEvents[K]): void {
    const set = this.listeners[name];
    if (name === 'error' && (set === undefined || set.size === 0))
      host.report((event as ClientEvents['error']).error);
    set?.forEach((listener) => {
      try {
        listener(event);
      } catch (error) {
        host.report(error);
      }
    });
  }
}
