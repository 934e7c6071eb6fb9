import { Body, Controller, Get, Header, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';

import { IssueToken, type TokenRequest } from '../../application/session/issue-token';
import type { Grants } from '../../domain/routing/send-permission';
import type { ServiceReach } from '../../domain/routing/service-reach';
import { type Answer, success } from './answer';
import { REFUSALS, Refuses, TextDto } from './answer.dto';
import { Reach, RequireScope } from './service-key.guard';
import { TokenQueryDto, TokenRequestDto } from './token.dto';

/** What the public URL of sockets is, apart from the token, for each partition of the log. */
export abstract class SocketUrls {
  abstract readonly bases: readonly string[];
}

@ApiTags('token')
@ApiBearerAuth()
@Controller('websocket/token')
@RequireScope('token')
export class TokenController {
  constructor(
    @Inject(IssueToken) private readonly tokens: IssueToken,
    @Inject(SocketUrls) private readonly urls: SocketUrls,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'The URL with which one client connects, once, within a minute' })
  @ApiOkResponse({ type: TextDto, description: 'The URL; it is a secret of this one client' })
  @Refuses(...REFUSALS)
  get(@Query() query: TokenQueryDto, @Reach() reach: ServiceReach): Promise<Answer<string>> {
    return this.issue(query, reach);
  }

  @Post()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'The same, with grants, and for the only session of a user' })
  @ApiOkResponse({ type: TextDto, description: 'The URL; it is a secret of this one client' })
  @Refuses('BAD_JSON', 'MEDIA_TYPE', ...REFUSALS)
  post(@Body() request: TokenRequestDto, @Reach() reach: ServiceReach): Promise<Answer<string>> {
    return this.issue(request, reach);
  }

  private async issue(dto: TokenRequestDto, reach: ServiceReach): Promise<Answer<string>> {
    const request: TokenRequest = {
      uniqueId: dto.uniqueId,
      clientType: dto.clientType ?? '',
      tags: dto.tags ?? [],
      businesses: dto.businesses ?? [],
      grants: grantsOf(dto),
      ...(dto.ttl !== undefined && { ttl: dto.ttl }),
      ...(dto.sessionTtl !== undefined && { sessionTtl: dto.sessionTtl }),
      single: dto.single === true,
    };
    const { token, partition } = await this.tokens.execute(request, reach);
    return success(`${this.urls.bases[partition] ?? ''}/socket/${token}`);
  }
}

function grantsOf({
  businessTypes,
  clientToClient,
  multicast,
  broadcast,
}: TokenRequestDto): Partial<Grants> {
  return {
    // Many JSON mappers write null for what is absent, and the DTO's rules let it pass.
    ...(businessTypes && { businessTypes }),
    clientToClient: clientToClient === true,
    multicast: multicast === true,
    broadcast: broadcast === true,
  };
}
