import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';

import { LAST_INSTANT, MAX_TTL } from '../domain/message/body-rules';
import {
  BUSINESS_TYPE,
  type Json,
  LIMITS,
  MESSAGE_ID,
  MESSAGE_TYPES,
  type MessageType,
  SEND_TYPES,
  type SendType,
} from '../protocol/unified-body';

/** The shape of a unified body on the wire: the source of the OpenAPI schema and of the compiled validator. */
export class UnifiedBodyDto {
  @ApiProperty({ enum: SEND_TYPES, description: 'How it is addressed' })
  @IsIn([...SEND_TYPES])
  sendType!: SendType;

  @ApiProperty({ enum: MESSAGE_TYPES, description: 'Which of the three kinds' })
  @IsIn([...MESSAGE_TYPES])
  messageType!: MessageType;

  @ApiProperty({
    example: 'payment.result',
    description: 'Dot-separated words; the routing key upstream',
  })
  @IsString()
  @Matches(BUSINESS_TYPE)
  @MaxLength(LIMITS.businessType)
  businessType!: string;

  @ApiPropertyOptional({ description: 'Sender; from a client overwritten with its identity' })
  @IsOptional()
  @IsString()
  @MaxLength(LIMITS.uniqueId)
  fromUniqueId?: string;

  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @MaxLength(LIMITS.clientType)
  fromClientType?: string;

  @ApiPropertyOptional({ description: 'Recipient of a UNICAST' })
  @IsOptional()
  @IsString()
  @MaxLength(LIMITS.uniqueId)
  toUniqueId?: string;

  @ApiPropertyOptional({ description: 'Only this client type; empty = every one', example: 'H5' })
  @IsOptional()
  @IsString()
  @MaxLength(LIMITS.clientType)
  toClientType?: string;

  @ApiPropertyOptional({ description: 'ms since epoch; set by the server when 0 or absent' })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(LAST_INSTANT)
  timestamp?: number;

  @ApiPropertyOptional({
    description: 'Any JSON value, passed through untouched',
    nullable: true,
    anyOf: [
      { type: 'object', additionalProperties: true },
      { type: 'array', items: {} },
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
    ],
  })
  @IsOptional()
  content?: Json;

  @ApiPropertyOptional({ type: [String], description: 'MULTICAST reaches holders of any of these' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(LIMITS.labels)
  @IsString({ each: true })
  @MinLength(1, { each: true })
  @MaxLength(LIMITS.label, { each: true })
  tags?: string[];

  @ApiPropertyOptional({ type: [String], description: 'MULTICAST reaches holders of any of these' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(LIMITS.labels)
  @IsString({ each: true })
  @MinLength(1, { each: true })
  @MaxLength(LIMITS.label, { each: true })
  businesses?: string[];

  @ApiPropertyOptional({ description: 'Idempotency key; a time-ordered UUID when absent' })
  @IsOptional()
  @IsString()
  @Matches(MESSAGE_ID)
  @MaxLength(LIMITS.id)
  messageId?: string;

  @ApiPropertyOptional({ description: 'The request that this answers' })
  @IsOptional()
  @IsString()
  @Matches(MESSAGE_ID)
  @MaxLength(LIMITS.id)
  correlationId?: string;

  @ApiPropertyOptional({ description: 'ms after `timestamp` beyond which it is not delivered' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL)
  ttl?: number;

  @ApiPropertyOptional({
    description: 'Of a UNICAST to a client: its sender is told who acknowledged it',
  })
  @IsOptional()
  @IsBoolean()
  receipt?: boolean;
}
