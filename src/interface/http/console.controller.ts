import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { LiveFigures } from '../../application/observation/live-figures';
import { feedOf } from './live-feed';
import { Public, RequireScope } from './service-key.guard';
import { CACHE, type StaticFiles } from './static-files';

/** The console's files, and the origins of the sockets that it opens. */
export abstract class ConsoleBundle {
  abstract readonly files: StaticFiles;
  abstract readonly socketOrigins: readonly string[];
}

const PAGE = 'index.html';

/**
 * Serves the console. Its page is open to everybody and holds nothing; what it shows, it asks for with a service key.
 */
@ApiExcludeController()
@Controller('console')
@Public()
export class ConsoleController {
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    @Inject(ConsoleBundle) private readonly bundle: ConsoleBundle,
    @Inject(LiveFigures) private readonly figures: LiveFigures,
  ) {
    this.headers = pageHeaders(bundle.socketOrigins);
  }

  /** Its address has no slash at the end: names in the page are relative to it, whatever the prefix. */
  @Get()
  page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    void reply.headers(this.headers);
    this.bundle.files.send(request, reply, PAGE, CACHE.revalidate);
  }

  @Get('feed')
  @RequireScope('admin')
  feed(@Req() { method }: FastifyRequest, @Res() reply: FastifyReply): void {
    void reply
      .headers({
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        // nginx would hold it back.
        'X-Accel-Buffering': 'no',
        'X-Content-Type-Options': 'nosniff',
      })
      // Fastify would go on reading for HEAD what has no end.
      .send(method === 'HEAD' ? '' : feedOf(this.figures));
  }

  // A wildcard, since a parameter does not match nothing, as in /console/.
  @Get('*')
  asset(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('*') file: string,
  ): void {
    if (file === '' || file === PAGE) void reply.redirect('../console', 308);
    else this.bundle.files.send(request, reply, file, CACHE.forever);
  }
}

/** What the page may do: load what is beside it, call this origin and open sockets. Nothing inline, no frame around it. */
function pageHeaders(socketOrigins: readonly string[]): Record<string, string> {
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      "font-src 'self'",
      `connect-src 'self' ${socketOrigins.join(' ')}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  };
}
