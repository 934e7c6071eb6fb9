import { DiscoveryService, Reflector } from '@nestjs/core';

import { type Handler, HANDLER_METADATA, type HandlerMetadata } from './business-handler';
import type { HandlerRegistry } from './handler-registry';

type Provider = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Finds the providers that `@BusinessHandler` marks, however they are provided, and registers them; throws what must stop the
 * start.
 */
export function discoverHandlers(
  discovery: DiscoveryService,
  reflector: Reflector,
  registry: HandlerRegistry,
): void {
  const found = new Set<unknown>();
  for (const provider of discovery.getProviders()) {
    const metadata = metadataOf(provider, reflector);
    // Another name for the same object (`useExisting`) is a provider as well.
    if (metadata === undefined || found.has(provider.instance)) continue;
    found.add(provider.instance);
    const name = nameOf(provider);
    if (!provider.isDependencyTreeStatic() || provider.isTransient) {
      throw new Error(
        `@BusinessHandler of ${name}: it, and what is injected into it, must not be of a request or transient scope`,
      );
    }
    if (!isHandler(provider.instance))
      throw new Error(`@BusinessHandler of ${name}: the class has no method handle`);
    registry.register(name, provider.instance, metadata);
  }
}

/** A provider by `useClass` has its class, one by `useValue` or `useFactory` only an object of it. */
function metadataOf(provider: Provider, reflector: Reflector): HandlerMetadata | undefined {
  for (const marked of [provider.metatype, constructorOf(provider.instance)]) {
    if (typeof marked !== 'function') continue;
    const metadata = reflector.get<HandlerMetadata | undefined>(HANDLER_METADATA, marked);
    if (metadata !== undefined) return metadata;
  }
  return undefined;
}

function constructorOf(instance: unknown): unknown {
  return (instance as { readonly constructor?: unknown } | null | undefined)?.constructor;
}

function nameOf({ name, instance }: Provider): string {
  const made = constructorOf(instance);
  return typeof made === 'function' ? made.name : String(name);
}

function isHandler(instance: unknown): instance is Handler {
  return typeof (instance as { handle?: unknown } | null)?.handle === 'function';
}
