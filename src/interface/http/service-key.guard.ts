import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';

import { type Scope, ServiceKeys } from '../../application/ports/service-keys';
import { Refusal } from '../../domain/errors';

const ACCESS = 'wirepost:access';

/** The scope that a caller's key must have. */
export const RequireScope = (scope: Scope): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, scope);
/** Open to everybody. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(ACCESS, 'public');

/** The global guard: a route that says nothing about its access is closed. */
@Injectable()
export class ServiceKeyGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: ServiceKeys,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const access = this.reflector.getAllAndOverride<Scope | 'public' | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === 'public') return true;
    const { authorization } = context.switchToHttp().getRequest<FastifyRequest>().headers;
    const [, key] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    const owner = key === undefined ? undefined : this.keys.find(key);
    if (owner === undefined)
      throw new Refusal('UNAUTHENTICATED', 'Authorization must be Bearer and a service key');
    if (access === undefined || !owner.scopes.includes(access)) {
      throw new Refusal('FORBIDDEN', `this service key has no scope ${access ?? 'for this route'}`);
    }
    return true;
  }
}
