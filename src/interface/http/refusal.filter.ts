import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';

import { Refusal } from '../../domain/errors';
import { type ErrorCode, errorRow } from '../../protocol/codes';
import { refused } from './answer';

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD',
  413: 'TOO_LARGE',
  415: 'MEDIA_TYPE',
};
const RETRY_AFTER_SECONDS = '1';
const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Answers every error from the one table; what is no Refusal is logged and says nothing of its inside. */
@Catch()
export class RefusalFilter implements ExceptionFilter {
  private readonly logger = new Logger(RefusalFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const asked = this.asRefusal(error);
    const allowed = asked.code === 'NOT_FOUND' ? otherMethods(host) : [];
    const refusal = allowed.length === 0 ? asked : new Refusal('METHOD');
    const { http } = errorRow(refusal.code);
    // Due with a 405 (RFC 9110, 15.5.6).
    if (allowed.length > 0) void reply.header('Allow', allowed.join(', '));
    if (http === 503) void reply.header('Retry-After', RETRY_AFTER_SECONDS);
    if (http === 401) void reply.header('WWW-Authenticate', 'Bearer');
    void reply.status(http).header('Cache-Control', 'no-store').send(refused(refusal));
  }

  private asRefusal(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
    const code = BY_STATUS[status];
    if (code !== undefined) return new Refusal(code);
    this.logger.error(error);
    return new Refusal('INTERNAL');
  }
}

/** Methods that the path of a request takes when no route takes it with the request's own. */
function otherMethods(host: ArgumentsHost): readonly string[] {
  const { url, server, is404 } = host.switchToHttp().getRequest<FastifyRequest>();
  const [path = ''] = url.split('?');
  // The router reads `:` and `*` as pattern syntax and would parse, or throw at, what a caller wrote.
  if (!is404 || /[:*]/.test(path)) return [];
  return METHODS.filter((one) => server.hasRoute({ method: one, url: path }));
}

/** Fastify's own errors carry their status. */
function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : 500;
}
