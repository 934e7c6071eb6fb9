import 'reflect-metadata';

import {
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type Provider,
  Scope,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, NestFactory, Reflector } from '@nestjs/core';

import { BusinessHandler } from '../../../src/application/handlers/business-handler';
import { discoverHandlers } from '../../../src/application/handlers/handler-discovery';
import { HandlerRegistry } from '../../../src/application/handlers/handler-registry';

@BusinessHandler('a.b')
class Marked {
  handle(): Promise<void> {
    return Promise.resolve();
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest {}

@BusinessHandler('a.b')
class NeedsRequest extends Marked {
  constructor(@Inject(OfRequest) readonly dependency: OfRequest) {
    super();
  }
}

@BusinessHandler('a.b')
class Handless {}

async function found(
  providers: Provider[],
  imports: ModuleMetadata['imports'] = [],
): Promise<readonly string[]> {
  @Module({ imports: [DiscoveryModule, ...imports], providers })
  class Root {}
  const app = await NestFactory.createApplicationContext(Root, { logger: false });
  try {
    const registry = new HandlerRegistry();
    discoverHandlers(app.get(DiscoveryService), app.get(Reflector), registry);
    for (const { handler } of registry.all) expect(handler).toBeInstanceOf(Marked);
    return registry.all.map(({ businessType, name }) => `${name} ${businessType}`);
  } finally {
    await app.close();
  }
}

describe('discoverHandlers', () => {
  it.each<[string, Provider[]]>([
    ['a class', [Marked]],
    ['useClass', [{ provide: 'it', useClass: Marked }]],
    ['useValue', [{ provide: 'it', useValue: new Marked() }]],
    ['useFactory', [{ provide: 'it', useFactory: () => new Marked() }]],
    ['a promise', [{ provide: 'it', useFactory: () => Promise.resolve(new Marked()) }]],
    ['two names for one', [Marked, { provide: 'it', useExisting: Marked }]],
  ])('finds a handler that is provided by %s', async (_, providers) => {
    expect(await found(providers)).toEqual(['Marked a.b']);
  });

  it('finds none where none is marked', async () => {
    expect(await found([OfRequest, { provide: 'null', useValue: null }])).toEqual([]);
  });

  it.each<[string, Provider[], string]>([
    ['needs something of a request', [OfRequest, NeedsRequest], 'scope'],
    [
      'is made anew for each',
      [{ provide: Marked, useClass: Marked, scope: Scope.TRANSIENT }],
      'scope',
    ],
    [
      'has no method handle',
      [Handless],
      '@BusinessHandler of Handless: the class has no method handle',
    ],
    [
      'is there twice',
      [Marked, { provide: 'it', useValue: new Marked() }],
      'two handlers for business type a.b',
    ],
  ])('refuses one that %s', async (_, providers, reason) => {
    await expect(found(providers)).rejects.toThrow(reason);
  });

  it('lets a class have one business type', () => {
    expect(() => {
      @BusinessHandler('c.d')
      @BusinessHandler('a.b')
      class Both {}
      return Both;
    }).toThrow("@BusinessHandler('c.d') of Both: one class handles one business type");
  });
});
