import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiBody,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';

import { PushMessage } from '../../application/push/push-message';
import { Refusal } from '../../domain/errors';
import type { ServiceReach } from '../../domain/routing/service-reach';
import { LIMITS } from '../../protocol/unified-body';
import { UnifiedBodyDto } from '../unified-body.dto';
import { BatchPushedDto, PushedDto, Refuses } from './answer.dto';
import { type Answer, refused, type RefusalData, success } from './answer';
import { Reach, RequireScope } from './service-key.guard';

/** What a push of either kind may be refused with. */
const REFUSALS = [
  'BAD_JSON',
  'TOO_DEEP',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TOO_LARGE',
  'MEDIA_TYPE',
  'UNAVAILABLE',
  'UNKNOWN_OUTCOME',
  'OVERLOAD',
] as const;

interface Pushed {
  readonly messageId: string;
}

@ApiTags('push')
@ApiBearerAuth()
@Controller('websocket/push')
@RequireScope('push')
export class PushController {
  constructor(@Inject(PushMessage) private readonly push: PushMessage) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Pushes one message; answers when the log has confirmed it' })
  @ApiBody({ type: UnifiedBodyDto })
  @ApiAcceptedResponse({ type: PushedDto, description: 'It is in the log' })
  @Refuses('BAD_FIELD', 'UNKNOWN_FIELD', ...REFUSALS)
  async one(@Body() body: unknown, @Reach() reach: ServiceReach): Promise<Answer<Pushed>> {
    return success({ messageId: await this.push.execute(body, reach) });
  }

  @Post('batch')
  @HttpCode(202)
  @ApiOperation({
    summary: `Pushes up to ${String(LIMITS.batch)} messages; one result for each, in order`,
  })
  @ApiBody({ type: [UnifiedBodyDto] })
  @ApiAcceptedResponse({
    type: BatchPushedDto,
    description: 'Each one by itself: look at every `result`',
  })
  @Refuses('BAD_REQUEST', ...REFUSALS)
  async batch(
    @Body() bodies: unknown,
    @Reach() reach: ServiceReach,
  ): Promise<Answer<readonly Answer<Pushed | RefusalData>[]>> {
    if (!Array.isArray(bodies) || bodies.length === 0 || bodies.length > LIMITS.batch) {
      throw new Refusal(
        'BAD_REQUEST',
        `the body must be an array of 1 to ${String(LIMITS.batch)} messages`,
      );
    }
    const results = await this.push.executeAll(bodies as readonly unknown[], reach);
    return success(
      results.map((result) =>
        'refusal' in result
          ? refused(result.refusal, result.messageId)
          : success({ messageId: result.messageId }),
      ),
    );
  }
}
