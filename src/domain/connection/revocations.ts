import type { Identity } from './identity';

/** A moment (ms since epoch): tokens that a user was issued up to it open nothing any more. */
export interface Revocation {
  readonly uniqueId: string;
  /** Only those of this client type; empty = all. */
  readonly clientType: string;
  readonly before: number;
}

/** True when the revocation makes a token void that the identity was issued at `issuedAt` (ms since epoch). */
export function revokes(revocation: Revocation, identity: Identity, issuedAt: number): boolean {
  const { uniqueId, clientType, before } = revocation;
  if (uniqueId !== identity.uniqueId || issuedAt > before) return false;
  return clientType === '' || clientType === identity.clientType;
}

/** The sessions that were ended by a service, for as long as a token of them may be valid otherwise. */
export class Revocations {
  /** The newest moment of each client type, by user; who was entered last comes last. */
  private readonly byUser = new Map<string, Map<string, number>>();

  enter({ uniqueId, clientType, before }: Revocation): void {
    const moments = this.byUser.get(uniqueId) ?? new Map<string, number>();
    moments.set(clientType, Math.max(before, moments.get(clientType) ?? 0));
    this.byUser.delete(uniqueId);
    this.byUser.set(uniqueId, moments);
  }

  /** True when a token that the identity was issued at `issuedAt` (ms since epoch) is void. */
  covers({ uniqueId, clientType }: Identity, issuedAt: number): boolean {
    const moments = this.byUser.get(uniqueId);
    if (moments === undefined) return false;
    const [ofAll, ofType] = [moments.get('') ?? 0, moments.get(clientType) ?? 0];
    return issuedAt <= Math.max(ofAll, ofType);
  }

  /** Forgets what was entered before `time` (ms since epoch). */
  forgetBefore(time: number): void {
    for (const [uniqueId, moments] of this.byUser) {
      if (Math.max(...moments.values()) >= time) return;
      this.byUser.delete(uniqueId);
    }
  }

  /** Users of whom sessions were ended. */
  get size(): number {
    return this.byUser.size;
  }
}
