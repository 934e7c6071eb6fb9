import { Controller, Delete, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags, PickType } from '@nestjs/swagger';

import { type FoundConnections, Nodes } from '../../application/ports/nodes';
import { EndedSessions } from '../../application/session/ended-sessions';
import type { ServiceReach } from '../../domain/routing/service-reach';
import { type Answer, success } from './answer';
import { ConnectionsDto, EndedDto, REFUSALS, Refuses } from './answer.dto';
import { Reach, RequireScope } from './service-key.guard';
import { TokenQueryDto } from './token.dto';

/** Named by the rules of a token's user. */
class UserDto extends PickType(TokenQueryDto, ['uniqueId']) {}

/** Of one client type only; absent or empty: of all. */
class ClientTypeDto extends PickType(TokenQueryDto, ['clientType']) {}

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
    @Reach() reach: ServiceReach,
  ): Promise<Answer<FoundConnections>> {
    reach.checkUser(uniqueId);
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
    @Reach() reach: ServiceReach,
  ): Promise<Answer<{ readonly before: number }>> {
    reach.checkUser(uniqueId);
    return success({ before: await this.sessions.end(uniqueId, clientType) });
  }
}
