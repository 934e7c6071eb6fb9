import { Controller, Delete, Get, Inject, Param, Query } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';

import { type FoundConnections, Nodes } from '../../application/ports/nodes';
import { EndedSessions } from '../../application/session/ended-sessions';
import { LIMITS } from '../../protocol/unified-body';
import { type Answer, success } from './answer';
import { ConnectionsDto, EndedDto, Refuses } from './answer.dto';
import { RequireScope } from './service-key.guard';
import { NOT_WELL_FORMED, WELL_FORMED } from './token.dto';

const REFUSALS = [
  'BAD_FIELD',
  'UNKNOWN_FIELD',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UNAVAILABLE',
] as const;

class UserDto {
  @ApiProperty({ example: 'user-1' })
  @IsString()
  @Length(1, LIMITS.uniqueId)
  @Matches(WELL_FORMED, NOT_WELL_FORMED)
  uniqueId!: string;
}

class ClientTypeDto {
  @ApiPropertyOptional({ example: 'H5', description: 'Only these; absent or empty: all' })
  @IsOptional()
  @IsString()
  @MaxLength(LIMITS.clientType)
  @Matches(WELL_FORMED, NOT_WELL_FORMED)
  clientType?: string;
}

@ApiTags('clients')
@ApiBearerAuth()
@Controller('websocket/clients')
export class ConnectionsController {
  constructor(
    @Inject(Nodes) private readonly nodes: Nodes,
    @Inject(EndedSessions) private readonly sessions: EndedSessions,
  ) {}

  @Get(':uniqueId')
  @RequireScope('push')
  @ApiOperation({ summary: 'The open connections of a user, at all nodes' })
  @ApiOkResponse({ type: ConnectionsDto, description: '`partial`: a node did not answer' })
  @Refuses(...REFUSALS)
  async find(
    @Param() { uniqueId }: UserDto,
    @Query() { clientType = '' }: ClientTypeDto,
  ): Promise<Answer<FoundConnections>> {
    return success(await this.nodes.find({ uniqueId, clientType }));
  }

  @Delete(':uniqueId')
  @RequireScope('admin')
  @ApiOperation({
    summary:
      'Ends the sessions of a user: closes the connections at all nodes with 4501, and makes the tokens void that were issued up to now',
  })
  @ApiOkResponse({ type: EndedDto, description: 'Durable; nodes follow at once' })
  @Refuses('UNKNOWN_OUTCOME', ...REFUSALS)
  async end(
    @Param() { uniqueId }: UserDto,
    @Query() { clientType = '' }: ClientTypeDto,
  ): Promise<Answer<{ readonly before: number }>> {
    return success({ before: await this.sessions.end(uniqueId, clientType) });
  }
}
