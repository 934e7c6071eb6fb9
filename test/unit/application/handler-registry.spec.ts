import { HandlerRegistry } from '../../../src/application/handlers/handler-registry';
import type { Handler } from '../../../src/application/handlers/business-handler';

const handler: Handler = { handle: () => Promise.resolve(undefined) };

describe('HandlerRegistry', () => {
  it('refuses two handlers for one type and names both', () => {
    const registry = new HandlerRegistry();
    registry.register('First', handler, { businessType: 'a.b' });
    expect(() => {
      registry.register('Second', handler, { businessType: 'a.b' });
    }).toThrow('two handlers for business type a.b: First and Second');
  });

  it.each(['', 'a..b', 'a b', 'wirepost.x', 'a.*'])(
    'refuses the malformed type %p',
    (businessType) => {
      expect(() => {
        new HandlerRegistry().register('Odd', handler, { businessType });
      }).toThrow(/^@BusinessHandler of Odd: businessType/);
    },
  );

  it.each([
    { concurrency: 0 },
    { concurrency: 65_536 },
    { timeout: -1 },
    { timeout: 2 ** 31 },
    { attempts: 1.5 },
    { attempts: Infinity },
    { from: 'nobody' as 'client' },
  ])('refuses the impossible option %j', (option) => {
    expect(() => {
      new HandlerRegistry().register('Odd', handler, { businessType: 'a', ...option });
    }).toThrow(new RegExp(Object.keys(option)[0] ?? ''));
  });
});
