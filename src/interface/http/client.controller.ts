import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { Refusal } from '../../domain/errors';
import { Public } from './service-key.guard';
import { CACHE, type StaticFiles } from './static-files';

/** The SDK as pages load it. */
export abstract class ClientBundle {
  abstract readonly version: string;
  abstract readonly files: StaticFiles;
}

/** Serves the SDK to pages of any origin: always the current one, or the one of a version, which never changes. */
@ApiExcludeController()
@Controller('client')
@Public()
export class ClientController {
  constructor(@Inject(ClientBundle) private readonly bundle: ClientBundle) {}

  @Get(':file')
  current(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('file') file: string,
  ): void {
    this.send(request, reply, file, CACHE.revalidate);
  }

  @Get(':version/:file')
  ofVersion(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('version') version: string,
    @Param('file') file: string,
  ): void {
    if (version !== this.bundle.version)
      throw new Refusal('NOT_FOUND', `this node has the version ${this.bundle.version}`);
    this.send(request, reply, file, CACHE.forever);
  }

  private send(request: FastifyRequest, reply: FastifyReply, file: string, cache: string): void {
    // For script tags with `crossorigin` (they need it for `integrity`), `import`, and pages under COEP.
    void reply.headers({
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
    this.bundle.files.send(request, reply, file, cache);
  }
}
