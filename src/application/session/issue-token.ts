import { Refusal } from '../../domain/errors';
import type { Partitions } from '../../domain/routing/partitions';
import type { ServiceReach, TokenWish } from '../../domain/routing/service-reach';
import type { LogPositions } from '../log/log-positions';
import type { Clock } from '../ports/clock';
import type { TokenService } from '../ports/token-service';
import type { EndedSessions } from './ended-sessions';

/** Characters; a reconnect token, which has some more, must stay below the 8000 of a payload that an upgrade takes. */
const MAX_TOKEN = 7500;

/** Who the token is for and what it grants; times in ms. */
export interface TokenRequest extends TokenWish {
  readonly clientType: string;
  /** Until when it can be used to connect; default and maximum are the settings'. */
  readonly ttl?: number;
  /** Length of the session; default and maximum are the settings'. */
  readonly sessionTtl?: number;
  /** True: those that the user has of this client type are ended; of every type, where it is empty. */
  readonly single?: boolean;
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
    private readonly ended: EndedSessions,
    private readonly clock: Clock,
    private readonly limits: { readonly tokenTtl: number; readonly sessionTtl: number },
  ) {}

  /**
   * Rejects with UNAVAILABLE while no position is known of the log that has the client's messages, with BAD_FIELD when
   * the token would be longer than an upgrade takes, with FORBIDDEN when the service that asks may not issue it; for a `single`
   * session also with a retryable Refusal while the end of those before it cannot be logged.
   */
  async execute(request: TokenRequest, reach: ServiceReach): Promise<IssuedToken> {
    const grants = reach.grantsOf(request);
    const partition = this.partitions.of(request.uniqueId);
    const cursor = await this.positions.of(partition);
    const ttl = Math.min(request.ttl ?? this.limits.tokenTtl, this.limits.tokenTtl);
    const { uniqueId, clientType, single = false } = request;
    const identity = { uniqueId, clientType };
    const now = this.clock.now();
    // A session that ends those up to now must begin later.
    const issuedAt = single ? now + 1 : now;
    const token = this.tokens.issue({
      identity,
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
    // Last: what cannot be issued must end nothing.
    if (single) await this.ended.replace(identity, now);
    return { token, partition };
  }
}
