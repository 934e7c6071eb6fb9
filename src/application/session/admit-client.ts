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
   * Throws OTHER_PARTITION or BAD_CURSOR; rejects with TOKEN_USED or a retryable Refusal when the log does not answer.
   * Admits at once where the log need not be asked: when a node has gone, thousands come back to another one.
   */
  execute(claims: TokenClaims, cursorText: string | undefined): Admission | Promise<Admission> {
    if (claims.partition !== this.partitions.nameOf(this.partitions.own))
      throw new Refusal('OTHER_PARTITION');
    const cursor = Cursor.parse(cursorText ?? claims.cursor);
    const resumed = cursorText !== undefined;
    if (claims.use === 'connect') return this.use(claims, cursor, resumed);
    const admission = { claims, cursor, resumed, sessionEnds: claims.expiresAt };
    if (this.probe.hasApplied(cursor)) return admission;
    return this.probe.reach(cursor).then(() => admission);
  }

  private async use(claims: TokenClaims, cursor: Cursor, resumed: boolean): Promise<Admission> {
    // Before the claim: a log that does not answer must not cost the client its token.
    await this.probe.reach(cursor);
    if (!(await this.claims.claim(`t ${claims.id}`, this.clock.newId())))
      throw new Refusal('TOKEN_USED');
    return { claims, cursor, resumed, sessionEnds: this.clock.now() + claims.sessionTtl };
  }
}
