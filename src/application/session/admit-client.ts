import { Cursor } from '../../domain/log/cursor';
import { Refusal } from '../../domain/errors';
import type { Partitions } from '../../domain/routing/partitions';
import type { LogClaims } from '../log/log-claims';
import type { LogProbe } from '../log/log-probe';
import type { Clock } from '../ports/clock';
import type { EndedSessions } from './ended-sessions';
import type { TokenClaims, TokenService, VerifiedToken } from '../ports/token-service';

/** A client that may connect, and where its deliveries start. */
export interface Admission extends VerifiedToken {
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
    private readonly ended: EndedSessions,
    private readonly clock: Clock,
  ) {}

  /** Verifies the signature alone. Throws UNAUTHENTICATED for what was not signed here, TOKEN_EXPIRED for what was. */
  verify(token: string): VerifiedToken {
    return this.tokens.verify(token);
  }

  /**
   * Uses the token, unless other nodes read the log that has the client's messages: then it is left unused. A cursor
   * ahead of this node is waited for; one that the log itself does not reach stays as it is and is of another log.
   * Throws OTHER_PARTITION, BAD_CURSOR or SESSION_ENDED; rejects with TOKEN_USED, with TOKEN_EXPIRED when nobody can tell any more whether it
   * was used, or with a retryable Refusal when the log does not answer.
   * Admits at once where the log need not be asked: when a node has gone, thousands come back to another one.
   */
  execute(token: VerifiedToken, cursorText: string | undefined): Admission | Promise<Admission> {
    const { claims, reusable } = token;
    if (claims.partition !== this.partitions.nameOf(this.partitions.own))
      throw new Refusal('OTHER_PARTITION');
    this.refuseEnded(claims);
    const cursor = Cursor.parse(cursorText ?? claims.cursor);
    const resumed = cursorText !== undefined;
    if (claims.use === 'connect') return this.use(claims, cursor, resumed);
    const admission = { claims, reusable, cursor, resumed, sessionEnds: claims.expiresAt };
    if (this.probe.hasApplied(cursor)) return admission;
    return this.probe.reach(cursor).then(() => {
      this.refuseEnded(claims);
      return admission;
    });
  }

  /**
   * For a connection that is open: as `execute` does, but with connect tokens only. A reconnect token can be used again and
   * again, so that two of them would let a client become one and the other as often as it likes, at a replay each. Rejects
   * with UNAUTHENTICATED.
   */
  async renew(token: VerifiedToken): Promise<Admission> {
    if (token.claims.use !== 'connect')
      throw new Refusal('UNAUTHENTICATED', 'renew takes a connect token');
    return this.execute(token, undefined);
  }

  /**
   * The token with which the client may come back while its session lasts. `cursor`: where it starts if it names none;
   * `began`: where the session's deliveries began.
   */
  reconnectToken(
    { claims, reusable, sessionEnds }: Admission,
    cursor: Cursor,
    began: Cursor,
  ): string {
    // A client that came back keeps its token. The cursor in it is older, but matters only to one that lost its own.
    if (reusable !== undefined) return reusable;
    return this.tokens.issue({
      ...claims,
      use: 'reconnect',
      id: this.clock.newId(),
      cursor: cursor.toString(),
      began: began.offset === cursor.offset ? undefined : began.toString(),
      expiresAt: sessionEnds,
    });
  }

  private async use(claims: TokenClaims, cursor: Cursor, resumed: boolean): Promise<Admission> {
    // Before the claim: a log that does not answer must not cost the client its token.
    await this.probe.reach(cursor);
    if (!(await this.claims.claim(`t ${claims.id}`, this.clock.newId())))
      throw new Refusal('TOKEN_USED');
    if (this.claims.hasForgotten(Cursor.parse(claims.cursor)))
      throw new Refusal('TOKEN_EXPIRED', 'claims since it was issued are not known any more');
    this.refuseEnded(claims);
    const sessionEnds = this.clock.now() + claims.sessionTtl;
    return { claims, reusable: undefined, cursor, resumed, sessionEnds };
  }

  /** Also after a wait, in which the session may have been ended. */
  private refuseEnded({ identity, issuedAt }: TokenClaims): void {
    const end = this.ended.endOf(identity, issuedAt);
    if (end !== undefined) throw new Refusal(end.replaced ? 'SESSION_REPLACED' : 'SESSION_ENDED');
  }
}
