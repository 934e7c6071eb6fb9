import { createSecretKey, type KeyObject } from 'node:crypto';

import { JwtService } from '@nestjs/jwt';

import { Refusal } from '../../domain/errors';
import type { Clock } from '../../application/ports/clock';
import {
  type TokenClaims,
  TokenService,
  type VerifiedToken,
} from '../../application/ports/token-service';
import { MAX_TOKEN_TTL } from '../../domain/connection/session-limits';
import { parseCursor } from '../../protocol/cursor';
import { LIMITS } from '../../protocol/unified-body';
import { Hs256Key, signed, signedPayload } from './hs256';

const ISSUER = 'wirepost';
const AUDIENCE = 'wirepost:socket';
const ALGORITHM = 'HS256';
/** ms by which `exp` may be rounded up. */
const ROUNDING = 1000;

/** The claims as they travel (RFC 7519), short since they are part of a URL. */
interface Payload {
  readonly sub: string;
  readonly ct: string;
  readonly tg?: readonly string[];
  readonly bs?: readonly string[];
  readonly bt: readonly string[];
  readonly gr: string;
  readonly cu: string;
  readonly bg?: string;
  readonly lp?: string;
  readonly us: TokenClaims['use'];
  readonly jti: string;
  readonly exp: number;
  /** Of the session, ms since epoch; tokens of a build before have none. */
  readonly ia?: number;
  readonly st: number;
}

/** Who issues it, and for whom. */
interface ForUs {
  readonly iss: typeof ISSUER;
  readonly aud: typeof AUDIENCE;
}

/** HS256 tokens signed with the first secret; the second one is accepted as well, while rotating. */
export class JwtTokenService extends TokenService {
  private readonly keys: readonly [Hs256Key, ...Hs256Key[]];
  private readonly signer: JwtService;
  private readonly verifiers: readonly JwtService[];

  constructor(
    secrets: readonly [string, ...string[]],
    private readonly clock: Clock,
  ) {
    super();
    const [newest, ...older] = secrets;
    this.keys = [new Hs256Key(newest), ...older.map((secret) => new Hs256Key(secret))];
    this.signer = new JwtService({ secret: keyOf(newest) });
    this.verifiers = secrets.map((secret) => new JwtService({ secret: keyOf(secret) }));
  }

  override issue(claims: TokenClaims): string {
    const payload = payloadOf(claims);
    // One for every session, in the form that `verify` knows; the others are the library's.
    if (claims.use === 'reconnect') return signed(payload, this.keys[0]);
    return this.signer.sign(payload, { algorithm: ALGORITHM, noTimestamp: true });
  }

  override verify(token: string): VerifiedToken {
    for (const key of this.keys) {
      const payload = signedPayload(token, key);
      // In this one case all is known; whatever is unusual is the library's to decide.
      if (!isPayload(payload) || !isForUs(payload)) continue;
      if (payload.exp <= this.seconds()) throw new Refusal('TOKEN_EXPIRED');
      const isReusable = payload.us === 'reconnect' && key === this.keys[0];
      return { claims: claimsOf(payload), reusable: isReusable ? token : undefined };
    }
    return { claims: claimsOf(this.verifyInFull(token)), reusable: undefined };
  }

  private verifyInFull(token: string): Payload {
    for (const verifier of this.verifiers) {
      try {
        const payload: unknown = verifier.verify<object>(token, {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience: AUDIENCE,
          clockTimestamp: this.seconds(),
        });
        if (isPayload(payload)) return payload;
      } catch (error) {
        // Thrown only after the signature was found right.
        if (error instanceof Error && error.name === 'TokenExpiredError')
          throw new Refusal('TOKEN_EXPIRED');
      }
    }
    throw new Refusal('UNAUTHENTICATED', 'the token was not issued here');
  }

  private seconds(): number {
    return Math.floor(this.clock.now() / 1000);
  }
}

function payloadOf(claims: TokenClaims): Payload & ForUs {
  const { identity, tags, businesses, grants, partition } = claims;
  return {
    sub: identity.uniqueId,
    ct: identity.clientType,
    ...(tags.length > 0 && { tg: tags }),
    ...(businesses.length > 0 && { bs: businesses }),
    bt: grants.businessTypes,
    gr: `${grants.clientToClient ? 'c' : ''}${grants.multicast ? 'm' : ''}${grants.broadcast ? 'b' : ''}`,
    cu: claims.cursor,
    ...(claims.began !== undefined && { bg: claims.began }),
    ...(partition !== undefined && { lp: partition }),
    us: claims.use,
    jti: claims.id,
    exp: Math.ceil(claims.expiresAt / 1000),
    ia: claims.issuedAt,
    st: claims.sessionTtl,
    aud: AUDIENCE,
    iss: ISSUER,
  };
}

function claimsOf(payload: Payload): TokenClaims {
  return {
    identity: { uniqueId: payload.sub, clientType: payload.ct },
    tags: payload.tg ?? [],
    businesses: payload.bs ?? [],
    grants: {
      businessTypes: payload.bt,
      clientToClient: payload.gr.includes('c'),
      multicast: payload.gr.includes('m'),
      broadcast: payload.gr.includes('b'),
    },
    cursor: payload.cu,
    began: payload.bg,
    partition: payload.lp,
    use: payload.us,
    id: payload.jti,
    expiresAt: payload.exp * 1000,
    issuedAt: payload.ia ?? earliest(payload),
    sessionTtl: payload.st,
  };
}

/** When a token of a build before, which does not say, can have been issued at the earliest. */
function earliest({ exp, st }: Payload): number {
  return exp * 1000 - st - MAX_TOKEN_TTL - ROUNDING;
}

/** A table of our own: a schema takes a fresh process longer than the signature, for each client that connects. */
const CLAIMS: Readonly<Record<keyof Payload, (value: unknown) => boolean>> = {
  sub: (value) => isText(value) && value.length > 0 && value.length <= LIMITS.uniqueId,
  ct: (value) => isText(value) && value.length <= LIMITS.clientType,
  tg: (value) => value === undefined || areTexts(value),
  bs: (value) => value === undefined || areTexts(value),
  bt: areTexts,
  gr: isText,
  cu: isCursor,
  bg: (value) => value === undefined || isCursor(value),
  lp: (value) => value === undefined || isText(value),
  us: (value) => value === 'connect' || value === 'reconnect',
  jti: isText,
  exp: Number.isFinite,
  ia: (value) => value === undefined || Number.isFinite(value),
  st: Number.isFinite,
};
const CHECKS = Object.entries(CLAIMS);

function isPayload(value: unknown): value is Payload {
  const claims = Object(value) as Readonly<Record<string, unknown>>;
  return CHECKS.every(([name, isSound]) => isSound(claims[name]));
}

/** Whether the claims that jsonwebtoken would look at are the usual ones, and none of them forbids the token's use. */
function isForUs(payload: Payload): boolean {
  const { iss, aud, nbf } = payload as Readonly<Record<string, unknown>> & Payload;
  return iss === ISSUER && aud === AUDIENCE && nbf === undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCursor(value: unknown): boolean {
  return isText(value) && parseCursor(value) !== undefined;
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

/** As an object: jsonwebtoken tries to read a plain text as a public key first, which costs ten times the rest. */
function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret));
}
