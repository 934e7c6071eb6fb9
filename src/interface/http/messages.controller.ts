import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsOptional, IsString, Matches } from 'class-validator';

import { type MessageTrace, TraceMessage } from '../../application/receipts/trace-message';
import type { ServiceReach } from '../../domain/routing/service-reach';
import { LIMITS, MESSAGE_ID } from '../../protocol/unified-body';
import { type Answer, success } from './answer';
import { MessageTraceDto, REFUSALS, Refuses } from './answer.dto';
import { Reach, RequireScope } from './service-key.guard';
import { TextLength } from './text-length';

class MessageDto {
  @ApiProperty({ description: 'Of the push, or as it was answered' })
  @IsString()
  @TextLength(1, LIMITS.id)
  @Matches(MESSAGE_ID)
  messageId!: string;
}

class SenderDto {
  @ApiPropertyOptional({
    description: "The client that sent it, each of which has ids of its own; absent: a service's",
  })
  @IsOptional()
  @IsString()
  @TextLength(1, LIMITS.uniqueId)
  fromUniqueId?: string;
}

@ApiTags('messages')
@ApiBearerAuth()
@Controller('websocket/messages')
export class MessagesController {
  constructor(@Inject(TraceMessage) private readonly trace: TraceMessage) {}

  @Get(':messageId')
  @RequireScope('push')
  @ApiOperation({ summary: 'Where a message to clients got' })
  @ApiOkResponse({ type: MessageTraceDto, description: '`partial`: a node did not answer' })
  @Refuses('NOT_FOUND', 'UNKNOWN_OUTCOME', ...REFUSALS)
  async find(
    @Param() { messageId }: MessageDto,
    @Query() { fromUniqueId }: SenderDto,
    @Reach() reach: ServiceReach,
  ): Promise<Answer<MessageTrace>> {
    if (fromUniqueId !== undefined) reach.checkUser(fromUniqueId, 'fromUniqueId');
    return success(await this.trace.execute(messageId, fromUniqueId, reach));
  }
}
