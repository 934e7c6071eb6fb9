import { Cursor } from '../../domain/log/cursor';
import { Refusal } from '../../domain/errors';
import type { Partitions } from '../../domain/routing/partitions';
import type { LogClaims } from '../log/log-claims';
import type { LogProbe } from '../log/log-probe';
import type { Clock } from '../ports/clock';
import type { TokenClaims, TokenService } from '../ports/token-service';

/** A client that may connect, and where its deliveries start. */
export interface Admission {
  readonly claims: TokenClaims;
  readonly cursor: Cursor;
  /** True when the client gave the cursor itself. */
  readonly resumed: boolean;
  /** ms since epoch. */
  readonly sessionEnds: number;
}

/** Decides whether a token opens a connection, and from which position. */
export class AdmitClient {
  constructor(
    private readonly tokens: TokenService,
    private readonly claims: LogClaims,
    private readonly probe: LogProbe,
    private readonly partitions: Partitions,
    private readonly clock: Clock,
  ) {}

  /** Verifies the signature alone. Throws UNAUTHENTICATED for what was not signed here, TOKEN_EXPIRED for what was. */
  verify(token: string): TokenClaims {
    return this.tokens.verify(token);
  }

  /**
   * Uses the token, unless other nodes read the log that has the client's messages: then it is left unused. A cursor
   * ahead of this node is waited for; one that the log itself does not reach stays as it is and is of another log.
   * Rejects with OTHER_PARTITION, TOKEN_USED, BAD_CURSOR or a retryable Refusal when the log does not answer.
   */
  async execute(claims: TokenClaims, cursorText: string | undefined): Promise<Admission> {
    if (claims.partition !== this.partitions.nameOf(this.partitions.own))
      throw new Refusal('OTHER_PARTITION');
    const cursor = Cursor.parse(cursorText ?? claims.cursor);
    // Before the claim: a log that does not answer must not cost the client its token.
    await this.probe.reach(cursor);
    if (
      claims.use === 'connect' &&
      !(await this.claims.claim(`t ${claims.id}`, this.clock.newId()))
    ) {
      throw new Refusal('TOKEN_USED');
    }
    const now = this.clock.now();
    const sessionEnds = claims.use === 'connect' ? now + claims.sessionTtl : claims.expiresAt;
    return { claims, cursor, resumed: cursorText !== undefined, sessionEnds };
  }
}
