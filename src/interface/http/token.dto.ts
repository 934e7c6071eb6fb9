import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
} from 'class-validator';

import { TOPIC_PATTERN } from '../../domain/routing/topic-pattern';
import { LIMITS } from '../../protocol/unified-body';
import { TextLength } from './text-length';

const MAX_PATTERNS = 32;
/** No half of a pair of surrogates, which the log would not keep. */
const WELL_FORMED = /^\P{Surrogate}*$/u;
const NOT_WELL_FORMED = { message: '$property must be well-formed Unicode' };

function fromCsv({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string') return value;
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** A query has text only. */
function fromDigits({ value }: { value: unknown }): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

/** Who a token is for. Lists come as JSON arrays or, in a query, separated by commas. */
export class TokenQueryDto {
  @ApiProperty({ example: 'user-1', description: "The business's own id of the user or page" })
  @IsString()
  @TextLength(1, LIMITS.uniqueId)
  @Matches(WELL_FORMED, NOT_WELL_FORMED)
  uniqueId!: string;

  @ApiPropertyOptional({
    example: 'H5',
    description: 'H5, WEB, APP …; empty when it does not matter',
  })
  @IsOptional()
  @IsString()
  @TextLength(0, LIMITS.clientType)
  @Matches(WELL_FORMED, NOT_WELL_FORMED)
  clientType?: string;

  @ApiPropertyOptional({ type: String, example: 'vip,beijing' })
  @IsOptional()
  @Transform(fromCsv)
  @IsArray()
  @ArrayMaxSize(LIMITS.labels)
  @IsString({ each: true })
  @TextLength(1, LIMITS.label, { each: true })
  tags?: string[];

  @ApiPropertyOptional({ type: String, example: 'charging' })
  @IsOptional()
  @Transform(fromCsv)
  @IsArray()
  @ArrayMaxSize(LIMITS.labels)
  @IsString({ each: true })
  @TextLength(1, LIMITS.label, { each: true })
  businesses?: string[];

  @ApiPropertyOptional({ description: 'ms within which it must be used; at most TOKEN_TTL' })
  @IsOptional()
  @Transform(fromDigits)
  @IsInt()
  @Min(1000)
  ttl?: number;
}

/** A token that may grant more. */
export class TokenRequestDto extends TokenQueryDto {
  @ApiPropertyOptional({
    type: [String],
    example: ['qrcode.*'],
    description: 'What it may send: topic patterns; everything when absent, nothing when empty',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_PATTERNS)
  @IsString({ each: true })
  @MaxLength(LIMITS.businessType, { each: true })
  @Matches(TOPIC_PATTERN, { each: true })
  businessTypes?: string[];

  @ApiPropertyOptional({ description: 'May send CLIENT_TO_CLIENT' })
  @IsOptional()
  @IsBoolean()
  clientToClient?: boolean;

  @ApiPropertyOptional({ description: 'May send MULTICAST, when clientToClient is granted' })
  @IsOptional()
  @IsBoolean()
  multicast?: boolean;

  @ApiPropertyOptional({ description: 'May send BROADCAST, when clientToClient is granted' })
  @IsOptional()
  @IsBoolean()
  broadcast?: boolean;

  @ApiPropertyOptional({ description: 'ms that the session lasts; at most SESSION_TTL' })
  @IsOptional()
  @IsInt()
  @Min(1000)
  sessionTtl?: number;

  @ApiPropertyOptional({
    description:
      'The session is to be the only one of the user and this clientType (of every type without one): those before it are closed with 4502, and their tokens are void',
  })
  @IsOptional()
  @IsBoolean()
  single?: boolean;
}
