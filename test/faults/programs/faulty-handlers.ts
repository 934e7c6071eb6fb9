import { setTimeout as wait } from 'node:timers/promises';

import { Module } from '@nestjs/common';

import {
  BusinessHandler,
  type Handler,
  type HandlerContext,
  type Reply,
  RetryableError,
} from '../../../src/application/handlers/business-handler';
import type { Message } from '../../../src/domain/message/message';

/** ms that the slow handler works. */
const SLOW = 300;

@BusinessHandler('fault.slow', { concurrency: 30 })
class SlowHandler implements Handler {
  async handle(): Promise<Reply> {
    await wait(SLOW);
    return { reply: 'slowly' };
  }
}

@BusinessHandler('fault.throws', { attempts: 3 })
class ThrowingHandler implements Handler {
  handle(): Promise<never> {
    return Promise.reject(new RetryableError('never works'));
  }
}

@BusinessHandler('fault.breaks')
class BreakingHandler implements Handler {
  handle(): Promise<never> {
    throw new TypeError('cannot read it');
  }
}

@BusinessHandler('fault.hangs', { attempts: 2, timeout: 200, concurrency: 20 })
class HangingHandler implements Handler {
  handle(): Promise<never> {
    return new Promise(() => undefined);
  }
}

/** Its first attempt does its work and fails then: what it did is done twice, what it replies comes once. */
@BusinessHandler('fault.after-effect')
class AfterEffectHandler implements Handler {
  private readonly effects = new Map<string, number>();

  handle({ id }: Message, { attempt }: HandlerContext): Promise<Reply> {
    this.effects.set(id, (this.effects.get(id) ?? 0) + 1);
    if (attempt === 1) throw new RetryableError('after the effect');
    return Promise.resolve({ reply: { attempt, effectsHere: this.effects.get(id) ?? 0 } });
  }
}

/** Handlers that fail in every way, for gateways that the fault suite builds. */
@Module({
  providers: [SlowHandler, ThrowingHandler, BreakingHandler, HangingHandler, AfterEffectHandler],
})
export class FaultyHandlersModule {}
