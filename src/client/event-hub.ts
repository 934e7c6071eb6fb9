import { host } from './host';
import type { ClientEvents } from './types';

export type Listener<K extends keyof ClientEvents> = (event: ClientEvents[K]) => void;

/** Calls listeners by the name of the event; one that throws does not keep the others from being called. */
export class EventHub {
  private readonly listeners: { [K in keyof ClientEvents]?: Set<Listener<K>> } = {};

  listen<K extends keyof ClientEvents>(name: K, listener: Listener<K>): () => void {
    const set: Set<Listener<K>> = (this.listeners[name] ??= new Set<never>());
    set.add(listener);
    return () => {
      set.delete(listener);
    };
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
