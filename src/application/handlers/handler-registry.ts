import { checkBusinessType } from '../../domain/message/body-rules';
import { Refusal } from '../../domain/errors';
import type { UnifiedBody } from '../../protocol/unified-body';
import type { Origin } from '../../domain/message/message';
import type { Handler, HandlerMetadata } from './business-handler';

/** A handler with every option decided. */
export interface RegisteredHandler extends Required<HandlerMetadata> {
  readonly handler: Handler;
  /** The class's name, for messages to people. */
  readonly name: string;
}

/** The largest value of each option: a prefetch count has 16 bits, and a timer some 24 days. */
const MOST = { concurrency: 65_535, timeout: 86_400_000, attempts: 10_000 } as const;
const SENDERS: readonly string[] = ['client', 'service', 'anyone'];
const DEFAULTS = { concurrency: 10, timeout: 30_000, attempts: 5, from: 'client' } as const;

/** The business types that this node handles. */
export class HandlerRegistry {
  private readonly byType = new Map<string, RegisteredHandler>();

  /** Throws an Error that stops the start: two handlers for one type, a malformed type, an impossible option. */
  register(name: string, handler: Handler, metadata: HandlerMetadata): void {
    const registered = { ...DEFAULTS, ...metadata, handler, name };
    const { businessType } = registered;
    try {
      checkBusinessType(businessType);
    } catch (error) {
      const rule = error instanceof Refusal ? error.message : String(error);
      throw new Error(`@BusinessHandler of ${name}: ${rule}`, { cause: error });
    }
    for (const option of ['concurrency', 'timeout', 'attempts'] as const) {
      const value = registered[option];
      if (!Number.isInteger(value) || value < 1 || value > MOST[option]) {
        throw new Error(
          `@BusinessHandler('${businessType}') of ${name}: ${option} must be an integer of 1 to ${String(MOST[option])}`,
        );
      }
    }
    if (!SENDERS.includes(registered.from)) {
      throw new Error(
        `@BusinessHandler('${businessType}') of ${name}: from must be one of ${SENDERS.join(', ')}`,
      );
    }
    const other = this.byType.get(businessType);
    if (other !== undefined) {
      throw new Error(`two handlers for business type ${businessType}: ${other.name} and ${name}`);
    }
    this.byType.set(businessType, registered);
  }

  get all(): readonly RegisteredHandler[] {
    return [...this.byType.values()];
  }

  /** Throws FORBIDDEN when the type is not for this kind of sender. */
  checkSender(body: UnifiedBody, origin: Origin): void {
    const from = this.byType.get(body.businessType)?.from ?? 'anyone';
    if (from !== 'anyone' && from !== origin.kind) {
      throw new Refusal('FORBIDDEN', `businessType is for a ${from} to send`, 'businessType');
    }
  }
}
