import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';

import { STAGES } from '../../application/receipts/trace-message';
import { type ErrorCode, ERRORS, errorRow } from '../../protocol/codes';

/** What every answer of the REST calls has beside its data; the classes of this file are for their description alone. */
abstract class AnswerDto {
  @ApiProperty({ type: 'integer', example: 0, description: '0 is success' })
  result!: number;

  @ApiProperty({ description: 'What is wrong, for people; empty on success' })
  description!: string;
}

class RefusalDto {
  @ApiProperty({ enum: Object.keys(ERRORS) })
  code!: ErrorCode;

  @ApiPropertyOptional({ description: 'The field that is wrong' })
  field?: string;

  @ApiPropertyOptional({ description: 'Of the message, in a batch' })
  messageId?: string;

  @ApiProperty({ description: 'True when the same request may succeed later' })
  retryable!: boolean;
}

/** A request, or a message of a batch, that was refused. */
export class RefusedDto extends AnswerDto {
  @ApiProperty()
  data!: RefusalDto;
}

export class TextDto extends AnswerDto {
  @ApiProperty()
  data!: string;
}

class PushedDataDto {
  @ApiProperty({ description: 'Its own, or the one that it was given' })
  messageId!: string;
}

export class PushedDto extends AnswerDto {
  @ApiProperty()
  data!: PushedDataDto;
}

/** One answer for each message, in order. */
@ApiExtraModels(PushedDto, RefusedDto)
export class BatchPushedDto extends AnswerDto {
  @ApiProperty({
    type: 'array',
    items: { oneOf: [{ $ref: getSchemaPath(PushedDto) }, { $ref: getSchemaPath(RefusedDto) }] },
  })
  data!: (PushedDto | RefusedDto)[];
}

class ConnectionDto {
  @ApiProperty({ description: 'Empty when the token named none' })
  clientType!: string;

  @ApiProperty({ type: 'integer', description: 'ms since epoch' })
  connectedAt!: number;

  @ApiProperty({ description: 'The node that has it: host and process', example: 'gateway-1/7' })
  node!: string;
}

class ConnectionsDataDto {
  @ApiProperty({ type: [ConnectionDto] })
  connections!: ConnectionDto[];

  @ApiProperty({ description: 'True when a node that may have others did not answer within 2 s' })
  partial!: boolean;
}

export class ConnectionsDto extends AnswerDto {
  @ApiProperty()
  data!: ConnectionsDataDto;
}

class AcknowledgedDto {
  @ApiProperty()
  uniqueId!: string;

  @ApiProperty({ description: 'Empty when the token named none' })
  clientType!: string;

  @ApiProperty({ type: 'integer', description: 'ms since epoch' })
  at!: number;
}

class MessageTraceDataDto {
  @ApiProperty()
  messageId!: string;

  @ApiProperty({ enum: STAGES, description: 'expired: with no open connection that was sent it' })
  stage!: (typeof STAGES)[number];

  @ApiProperty({ description: 'Its position in the log' })
  cursor!: string;

  @ApiPropertyOptional({
    type: 'integer',
    description: 'ms since epoch; absent when its publisher did not say',
  })
  acceptedAt?: number;

  @ApiPropertyOptional({ type: 'integer', description: 'ms since epoch' })
  expiresAt?: number;

  @ApiProperty({ type: 'integer', description: 'Connections, open now, that were sent it' })
  connections!: number;

  @ApiPropertyOptional({ description: 'Who acknowledged it first, where it asks for a receipt' })
  acknowledged?: AcknowledgedDto;

  @ApiProperty({ description: 'True when a node that may have it did not answer within 2 s' })
  partial!: boolean;
}

export class MessageTraceDto extends AnswerDto {
  @ApiProperty()
  data!: MessageTraceDataDto;
}

class EndedDataDto {
  @ApiProperty({
    type: 'integer',
    description: 'Tokens issued up to here are void, ms since epoch',
  })
  before!: number;
}

export class EndedDto extends AnswerDto {
  @ApiProperty()
  data!: EndedDataDto;
}

/** What a request for something of one user may be refused with, however it is made. */
export const REFUSALS = [
  'BAD_FIELD',
  'UNKNOWN_FIELD',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UNAVAILABLE',
] as const;

/** Describes what a call is refused with, by status; INTERNAL comes to all. */
export function Refuses(...codes: readonly ErrorCode[]): MethodDecorator {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...codes, 'INTERNAL'] as const) {
    const { http } = errorRow(code);
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, those]) =>
      ApiResponse({ status, type: RefusedDto, description: those.join(', ') }),
    ),
  );
}
