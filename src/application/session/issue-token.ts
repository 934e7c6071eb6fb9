import { Refusal } from '../../domain/errors';
import type { Partitions } from '../../domain/routing/partitions';
import type { ServiceReach, TokenWish } from '../../domain/routing/service-reach';
import type { LogPositions } from '../log/log-positions';
import type { Clock } from '../ports/clock';
import type { TokenService } from '../ports/token-service';

/** Characters; a reconnect token, which has some more, must stay below the 8000 of a payload that an upgrade takes. */
const MAX_TOKEN = 7500;

/** Who the token is for and what it grants; times in ms. */
export interface TokenRequest extends TokenWish {
  readonly clientType: string;
  /** Until when it can be used to connect; default and maximum are the settings'. */
  readonly ttl?: number;
  /** Length of the session; default and maximum are the settings'. */
  readonly sessionTtl?: number;
}

/** A token, and the partition of the log whose nodes take it. */
export interface IssuedToken {
  readonly token: string;
  readonly partition: number;
}

/** Issues the single-use token with which a client connects. */
export class IssueToken {
  constructor(
    private readonly tokens: TokenService,
    private readonly positions: LogPositions,
    private readonly partitions: Partitions,
    private readonly clock: Clock,
    private readonly limits: { readonly tokenTtl: number; readonly sessionTtl: number },
  ) {}

  /**
   * Rejects with UNAVAILABLE while no position is known of the log that has the client's messages, with BAD_FIELD when
   * the token would be longer than an upgrade takes, with FORBIDDEN when the service that asks may not issue it.
   */
  async execute(request: TokenRequest, reach: ServiceReach): Promise<IssuedToken> {
    const grants = reach.grantsOf(request);
    const partition = this.partitions.of(request.uniqueId);
    const cursor = await this.positions.of(partition);
    const ttl = Math.min(request.ttl ?? this.limits.tokenTtl, this.limits.tokenTtl);
    const issuedAt = this.clock.now();
    const token = this.tokens.issue({
      identity: { uniqueId: request.uniqueId, clientType: request.clientType },
      tags: request.tags,
      businesses: request.businesses,
      grants,
      partition: this.partitions.nameOf(partition),
      began: undefined,
      cursor: cursor.toString(),
      use: 'connect',
      id: this.clock.newId(),
      expiresAt: issuedAt + ttl,
      issuedAt,
      sessionTtl: Math.min(request.sessionTtl ?? this.limits.sessionTtl, this.limits.sessionTtl),
    });
    if (token.length > MAX_TOKEN)
      throw Refusal.field('tags', 'and other labels and patterns are too long together for a URL');
    return { token, partition };
  }
}
