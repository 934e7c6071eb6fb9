import { createSecretKey } from 'node:crypto';

import { JwtService } from '@nestjs/jwt';
import { z } from 'zod';

import { Refusal } from '../../domain/errors';
import type { Clock } from '../../application/ports/clock';
import { type TokenClaims, TokenService } from '../../application/ports/token-service';

const ISSUER = 'wirepost';
const AUDIENCE = 'wirepost:socket';
const ALGORITHM = 'HS256';

/** The claims as they travel (RFC 7519), short since they are part of a URL. */
const PAYLOAD = z.object({
  sub: z.string().min(1).max(128),
  ct: z.string().max(32),
  tg: z.array(z.string()).default([]),
  bs: z.array(z.string()).default([]),
  bt: z.array(z.string()),
  gr: z.string(),
  cu: z.string(),
  lp: z.string().optional(),
  us: z.enum(['connect', 'reconnect']),
  jti: z.string(),
  exp: z.number(),
  st: z.number(),
});

/** HS256 tokens signed with the first secret; the second one is accepted as well, while rotating. */
export class JwtTokenService extends TokenService {
  private readonly signer: JwtService;
  private readonly verifiers: readonly JwtService[];

  constructor(
    secrets: readonly [string, ...string[]],
    private readonly clock: Clock,
  ) {
    super();
    const [first, ...others] = secrets;
    this.signer = serviceOf(first);
    this.verifiers = [this.signer, ...others.map(serviceOf)];
  }

  override issue(claims: TokenClaims): string {
    const { identity, tags, businesses, grants } = claims;
    const flags = [grants.clientToClient && 'c', grants.multicast && 'm', grants.broadcast && 'b'];
    const payload: z.input<typeof PAYLOAD> = {
      sub: identity.uniqueId,
      ct: identity.clientType,
      ...(tags.length > 0 && { tg: [...tags] }),
      ...(businesses.length > 0 && { bs: [...businesses] }),
      bt: [...grants.businessTypes],
      gr: flags.filter(Boolean).join(''),
      cu: claims.cursor,
      ...(claims.partition !== undefined && { lp: claims.partition }),
      us: claims.use,
      jti: claims.id,
      exp: Math.ceil(claims.expiresAt / 1000),
      st: claims.sessionTtl,
    };
    return this.signer.sign(payload, {
      algorithm: ALGORITHM,
      issuer: ISSUER,
      audience: AUDIENCE,
      noTimestamp: true,
    });
  }

  override verify(token: string): TokenClaims {
    for (const verifier of this.verifiers) {
      try {
        return this.read(token, verifier);
      } catch (error) {
        // Thrown only after the signature was found right.
        if (error instanceof Error && error.name === 'TokenExpiredError')
          throw new Refusal('TOKEN_EXPIRED');
      }
    }
    throw new Refusal('UNAUTHENTICATED', 'the token was not issued here');
  }

  private read(token: string, verifier: JwtService): TokenClaims {
    const payload = PAYLOAD.parse(
      verifier.verify<object>(token, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTimestamp: Math.floor(this.clock.now() / 1000),
      }),
    );
    return {
      identity: { uniqueId: payload.sub, clientType: payload.ct },
      tags: payload.tg,
      businesses: payload.bs,
      grants: {
        businessTypes: payload.bt,
        clientToClient: payload.gr.includes('c'),
        multicast: payload.gr.includes('m'),
        broadcast: payload.gr.includes('b'),
      },
      cursor: payload.cu,
      partition: payload.lp,
      use: payload.us,
      id: payload.jti,
      expiresAt: payload.exp * 1000,
      sessionTtl: payload.st,
    };
  }
}

/** With a key object: jsonwebtoken tries to read a plain text as a public key first, which costs ten times the rest. */
function serviceOf(secret: string): JwtService {
  return new JwtService({ secret: createSecretKey(Buffer.from(secret)) });
}
