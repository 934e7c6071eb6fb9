import { Refusal } from '../../domain/errors';
import { DEFAULT_GRANTS, type Grants } from '../../domain/routing/send-permission';
import type { LogFollower } from '../log/log-follower';
import type { Clock } from '../ports/clock';
import type { TokenService } from '../ports/token-service';

/** Who the token is for and what it grants; times in ms. */
export interface TokenRequest {
  readonly uniqueId: string;
  readonly clientType: string;
  readonly tags: readonly string[];
  readonly businesses: readonly string[];
  readonly grants?: Partial<Grants>;
  /** Until when it can be used to connect; default and maximum are the settings'. */
  readonly ttl?: number;
  /** Length of the session; default and maximum are the settings'. */
  readonly sessionTtl?: number;
}

/** Issues the single-use token with which a client connects. */
export class IssueToken {
  constructor(
    private readonly tokens: TokenService,
    private readonly follower: LogFollower,
    private readonly clock: Clock,
    private readonly limits: { readonly tokenTtl: number; readonly sessionTtl: number },
  ) {}

  /** Returns the token. Throws UNAVAILABLE while this node has not read the log, since it knows no position. */
  execute(request: TokenRequest): string {
    const cursor = this.follower.applied;
    if (cursor === undefined)
      throw new Refusal('UNAVAILABLE', 'this node is still reading the log');
    const ttl = Math.min(request.ttl ?? this.limits.tokenTtl, this.limits.tokenTtl);
    return this.tokens.issue({
      identity: { uniqueId: request.uniqueId, clientType: request.clientType },
      tags: request.tags,
      businesses: request.businesses,
      grants: { ...DEFAULT_GRANTS, ...request.grants },
      cursor: cursor.toString(),
      use: 'connect',
      id: this.clock.newId(),
      expiresAt: this.clock.now() + ttl,
      sessionTtl: Math.min(request.sessionTtl ?? this.limits.sessionTtl, this.limits.sessionTtl),
    });
  }
}
