export type Scope = 'token' | 'push' | 'admin';

/** A backend's credentials and what they open. */
export interface ServiceKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly key: string;
}

/** Knows the backends that may call the REST interface. */
export abstract class ServiceKeys {
  /** The owner of a key; undefined when nobody owns it. Takes the same time for every wrong key. */
  abstract find(key: string): Omit<ServiceKey, 'key'> | undefined;
}
