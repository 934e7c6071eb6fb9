import type { Identity } from '../../domain/connection/identity';
import type { Grants } from '../../domain/routing/send-permission';

/** What a token says. Times are ms since epoch. */
export interface TokenClaims {
  readonly identity: Identity;
  readonly tags: readonly string[];
  readonly businesses: readonly string[];
  readonly grants: Grants;
  /** The partition of the log that has the client's messages; undefined when there is only one. */
  readonly partition: string | undefined;
  /** Position in the log at which it was issued, as cursor text. */
  readonly cursor: string;
  /** Where the session's deliveries began, as cursor text; undefined: at `cursor`. */
  readonly began: string | undefined;
  /** `connect` is single-use and short-lived; `reconnect` lives as long as the session. */
  readonly use: 'connect' | 'reconnect';
  /** Unique; the key of the single-use claim. */
  readonly id: string;
  readonly expiresAt: number;
  /** When the connect token was issued; a reconnect token has that of the one that opened the session. */
  readonly issuedAt: number;
  /** Length of the session in ms from the moment of connecting; for `reconnect` it ends at `expiresAt`. */
  readonly sessionTtl: number;
}

/** A token that was signed here and has not expired. */
export interface VerifiedToken {
  readonly claims: TokenClaims;
  /** The token itself if it is for reconnecting and signed as `issue` would do it now: another one would be no better. */
  readonly reusable: string | undefined;
}

/** Signs and verifies tokens. */
export abstract class TokenService {
  abstract issue(claims: TokenClaims): string;
  /** Throws a Refusal: UNAUTHENTICATED for what was not signed here, TOKEN_EXPIRED for what was. */
  abstract verify(token: string): VerifiedToken;
}
