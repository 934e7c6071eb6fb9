import { Controller, Get, HttpCode, Inject, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { LogProbe } from '../../application/log/log-probe';
import { MetricsPage } from '../../application/ports/metrics';
import { EndedSessions } from '../../application/session/ended-sessions';
import { Refusal } from '../../domain/errors';
import { type Answer, success } from './answer';
import { Refuses, TextDto } from './answer.dto';
import { Public, RequireScope } from './service-key.guard';

/** Whether this node takes work; false from the first moment of a shutdown. */
export abstract class Willingness {
  abstract readonly stopping: boolean;
}

@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    @Inject(LogProbe) private readonly probe: LogProbe,
    @Inject(EndedSessions) private readonly ended: EndedSessions,
    @Inject(Willingness) private readonly willingness: Willingness,
    @Inject(MetricsPage) private readonly page: MetricsPage,
  ) {}

  @Get('health/live')
  @Public()
  @ApiOperation({ summary: 'The process answers' })
  @ApiOkResponse({ type: TextDto })
  live(): Answer<string> {
    return success('live');
  }

  @Get('health/ready')
  @Public()
  @HttpCode(200)
  @ApiOperation({
    summary:
      'An entry written by this node came back to it through the log a moment ago, or the broker takes none and this node has read all',
  })
  @ApiOkResponse({ type: TextDto })
  @Refuses('UNAVAILABLE', 'RESTARTING')
  ready(): Answer<string> {
    if (this.willingness.stopping) throw new Refusal('RESTARTING');
    if (!this.ended.known)
      throw new Refusal('UNAVAILABLE', 'this node is still reading which sessions were ended');
    if (!this.probe.ready)
      throw new Refusal(
        'UNAVAILABLE',
        'this node has not known lately that it reads all that is in the log',
      );
    return success('ready');
  }

  @Get('metrics')
  @RequireScope('admin')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'Prometheus text format' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  @Refuses('UNAUTHENTICATED', 'FORBIDDEN')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    await reply.header('Content-Type', this.page.contentType).send(await this.page.text());
  }
}
