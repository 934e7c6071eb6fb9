import { DiscoveryService, Reflector } from '@nestjs/core';

import { type Handler, HANDLER_METADATA, type HandlerMetadata } from './business-handler';
import type { HandlerRegistry } from './handler-registry';

/** Finds the providers that `@BusinessHandler` marks and registers them; throws what must stop the start. */
export function discoverHandlers(
  discovery: DiscoveryService,
  reflector: Reflector,
  registry: HandlerRegistry,
): void {
  for (const { instance, metatype, name } of discovery.getProviders()) {
    if (typeof metatype !== 'function') continue;
    const metadata = reflector.get<HandlerMetadata | undefined>(HANDLER_METADATA, metatype);
    if (metadata === undefined) continue;
    if (!isHandler(instance))
      throw new Error(`@BusinessHandler of ${String(name)}: the class has no method handle`);
    registry.register(String(name), instance, metadata);
  }
}

function isHandler(instance: unknown): instance is Handler {
  return typeof (instance as { handle?: unknown } | null)?.handle === 'function';
}
