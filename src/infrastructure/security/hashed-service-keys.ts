import { createHash, timingSafeEqual } from 'node:crypto';

import { type Service, type ServiceKey, ServiceKeys } from '../../application/ports/service-keys';

/** Compares SHA-256 digests in constant time, so that neither length nor content of a key shows in the timing. */
export class HashedServiceKeys extends ServiceKeys {
  private readonly entries: readonly {
    readonly digest: Buffer;
    readonly owner: Service;
  }[];

  constructor(keys: readonly ServiceKey[]) {
    super();
    this.entries = keys.map(({ key, ...owner }) => ({ digest: digestOf(key), owner }));
  }

  override find(key: string): Service | undefined {
    const digest = digestOf(key);
    let found: Service | undefined;
    for (const entry of this.entries) {
      if (timingSafeEqual(entry.digest, digest)) found = entry.owner;
    }
    return found;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
