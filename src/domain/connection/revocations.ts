import type { Identity } from './identity';

/** A moment (ms since epoch): tokens that a user was issued up to it open nothing any more. */
export interface Revocation {
  readonly uniqueId: string;
  /** Only those of this client type; empty = all. */
  readonly clientType: string;
  readonly before: number;
  /** True: the user has begun another session, which is to be the only one. False: a service has ended them. */
  readonly replaced: boolean;
}

/** True when the revocation makes a token void that the identity was issued at `issuedAt` (ms since epoch). */
export function revokes(
  revocation: Omit<Revocation, 'replaced'>,
  identity: Identity,
  issuedAt: number,
): boolean {
  const { uniqueId, clientType, before } = revocation;
  if (uniqueId !== identity.uniqueId || issuedAt > before) return false;
  return clientType === '' || clientType === identity.clientType;
}

/** The sessions that were ended, for as long as a token of them may be valid otherwise. */
export class Revocations {
  /** The newest one of each client type, by user; who was entered last comes last. */
  private readonly byUser = new Map<string, Map<string, Revocation>>();

  enter(revocation: Revocation): void {
    const { uniqueId, clientType, before } = revocation;
    const ofUser = this.byUser.get(uniqueId) ?? new Map<string, Revocation>();
    if (before >= (ofUser.get(clientType)?.before ?? 0)) ofUser.set(clientType, revocation);
    this.byUser.delete(uniqueId);
    this.byUser.set(uniqueId, ofUser);
  }

  /** The newest one by which a token is void that the identity was issued at `issuedAt` (ms since epoch); undefined when it is not. */
  covering(identity: Identity, issuedAt: number): Revocation | undefined {
    const ofUser = this.byUser.get(identity.uniqueId);
    if (ofUser === undefined) return undefined;
    const [ofAll, ofType] = [ofUser.get(''), ofUser.get(identity.clientType)];
    const newest = (ofType?.before ?? 0) > (ofAll?.before ?? 0) ? ofType : ofAll;
    return newest !== undefined && revokes(newest, identity, issuedAt) ? newest : undefined;
  }

  /** Forgets what was entered before `time` (ms since epoch). */
  forgetBefore(time: number): void {
    for (const [uniqueId, ofUser] of this.byUser) {
      for (const { before } of ofUser.values()) if (before >= time) return;
      this.byUser.delete(uniqueId);
    }
  }

  /** Users of whom sessions were ended. */
  get size(): number {
    return this.byUser.size;
  }
}
