import { setTimeout as after } from 'node:timers/promises';

import {
  BusinessHandler,
  type Handler,
  type HandlerContext,
  type Reply,
} from '../../application/handlers/business-handler';
import type { Message } from '../../domain/message/message';
import type { Json } from '../../protocol/unified-body';

/** ms that the system behind it takes. */
const DURATION = 3000;

/**
 * A slow call made asynchronous: a page asks for `{ title }` and goes on with its life; the report comes when it is
 * ready, with the `correlationId` of the question, on whatever connection the page has by then. Here a wait stands for
 * the old system that would otherwise hold an HTTP request open.
 */
@BusinessHandler('report.build', { timeout: 10_000, attempts: 2 })
export class ReportBuildHandler implements Handler {
  async handle(message: Message, { signal }: HandlerContext): Promise<Reply> {
    const title = read(message.body.content);
    await after(DURATION, undefined, { signal });
    return { reply: { title, rows: 1280, took: DURATION } };
  }
}

function read(content: Json | undefined): string {
  const { title } = Object(content ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof title !== 'string') throw new TypeError('content must be { title }, a string');
  return title;
}
