import type { ServiceReach } from '../../domain/routing/service-reach';

export const SCOPES = ['token', 'push', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** A backend's credentials and what they open. */
export interface ServiceKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly reach: ServiceReach;
  readonly key: string;
}

/** A backend that has shown its key. */
export type Service = Omit<ServiceKey, 'key'>;

/** Knows the backends that may call the REST interface. */
export abstract class ServiceKeys {
  /** The owner of a key; undefined when nobody owns it. Takes the same time for every wrong key. */
  abstract find(key: string): Service | undefined;
}
