import { Module } from '@nestjs/common';

import {
  BusinessHandler,
  type Handler,
  type HandlerContext,
  type HandlerResult,
  RetryableError,
} from '../../src/application/handlers/business-handler';
import type { Message } from '../../src/domain/message/message';

/** What the test handlers were given, by business type. */
export const calls: { type: string; id: string; content: unknown; attempt: number }[] = [];

export function callsOf(type: string, id?: string): typeof calls {
  return calls.filter((call) => call.type === type && (id === undefined || call.id === id));
}

function record(message: Message, { attempt }: HandlerContext): void {
  const { businessType, content } = message.body;
  calls.push({ type: businessType, id: message.id, content, attempt });
}

@BusinessHandler('test.echo')
class EchoHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    return Promise.resolve({ reply: message.body.content ?? null });
  }
}

@BusinessHandler('test.silent')
class SilentHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    return Promise.resolve(undefined);
  }
}

@BusinessHandler('test.flaky', { attempts: 3 })
class FlakyHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    if (context.attempt < 3) throw new RetryableError('not yet');
    return Promise.resolve({ reply: context.attempt });
  }
}

@BusinessHandler('test.failing', { attempts: 2 })
class FailingHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    return Promise.reject(new RetryableError('never works'));
  }
}

@BusinessHandler('test.broken')
class BrokenHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    return Promise.reject(new TypeError('cannot read it'));
  }
}

/** Ids of messages whose handler was told that its time is over. */
export const aborted: string[] = [];

@BusinessHandler('test.hanging', { attempts: 2, timeout: 100 })
class HangingHandler implements Handler {
  handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    record(message, context);
    context.signal.addEventListener('abort', () => aborted.push(message.id));
    return new Promise(() => undefined);
  }
}

let running = 0;
export const concurrency = { most: 0 };

@BusinessHandler('test.slow', { concurrency: 3 })
class SlowHandler implements Handler {
  async handle(message: Message, context: HandlerContext): Promise<HandlerResult> {
    running += 1;
    concurrency.most = Math.max(concurrency.most, running);
    await new Promise((resolve) => setTimeout(resolve, 30));
    running -= 1;
    record(message, context);
  }
}

@BusinessHandler('test.service', { from: 'service' })
class ServiceOnlyHandler extends EchoHandler {}

/** Handlers that fail in every way. */
@Module({
  providers: [
    EchoHandler,
    SilentHandler,
    FlakyHandler,
    FailingHandler,
    BrokenHandler,
    HangingHandler,
    SlowHandler,
    ServiceOnlyHandler,
  ],
})
export class TestHandlersModule {}
