import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { type Scope, type Service, ServiceKeys } from '../../application/ports/service-keys';
import { Refusal } from '../../domain/errors';
import type { ServiceReach } from '../../domain/routing/service-reach';

const ACCESS = 'wirepost:access';
/** ms for which the rest of a refused request is read, as nginx's `lingering_timeout`. */
const LINGER = 1000;
/** Which service sent a request that needs a key; looked up once. */
const owners = new WeakMap<FastifyRequest, Service>();

/** The scope that a caller's key must have, of a route or of all routes of a controller; one that names none is closed. */
export const RequireScope = (scope: Scope): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, scope);
/** Open to everybody. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(ACCESS, 'public');
/** Whom the caller may reach, of a route that requires a scope. */
export const Reach = createParamDecorator((_: unknown, context: ExecutionContext): ServiceReach => {
  const owner = owners.get(context.switchToHttp().getRequest<FastifyRequest>());
  if (owner === undefined) throw new Refusal('UNAUTHENTICATED');
  return owner.reach;
});

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
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const owner = owners.get(request) ?? ownerOf(request, this.keys);
    if (access === undefined || !owner.scopes.includes(access)) {
      throw new Refusal('FORBIDDEN', `this service key has no scope ${access ?? 'for this route'}`);
    }
    owners.set(request, owner);
    return true;
  }
}

/**
 * Refuses bodies of callers without a key before they are read: the guard comes after the body has been parsed. No route
 * that is open to everybody takes one.
 */
export function refuseUnknownBodies(server: FastifyInstance, keys: ServiceKeys): void {
  server.addHook('onRequest', (request, reply, done) => {
    try {
      if (hasBody(request)) owners.set(request, ownerOf(request, keys));
      done();
    } catch (error) {
      reply.raw.once('finish', () => {
        lingerOver(request);
      });
      done(error as Error);
    }
  });
}

/** Lets a caller read its answer while it still sends, but not send for ever (Node.js reads what nobody wants). */
function lingerOver({ raw }: FastifyRequest): void {
  if (raw.complete) return;
  const timer = setTimeout(() => {
    // A connection whose request has come whole may have the next one on it.
    if (!raw.complete) raw.destroy();
  }, LINGER);
  raw.once('close', () => {
    clearTimeout(timer);
  });
}

export function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function ownerOf({ headers }: FastifyRequest, keys: ServiceKeys): Service {
  const [, key] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const owner = key === undefined ? undefined : keys.find(key);
  if (owner === undefined)
    throw new Refusal('UNAUTHENTICATED', 'Authorization must be Bearer and a service key');
  return owner;
}
