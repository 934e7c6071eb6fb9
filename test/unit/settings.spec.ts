import { readFileSync } from 'node:fs';

import {
  END_LOG_AGE,
  END_MEMORY,
  MAX_SESSION_TTL,
  MAX_TOKEN_TTL,
} from '../../src/domain/connection/session-limits';
import { readSettings, SCHEMA } from '../../src/settings';

const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'wss://a.b',
  SERVICE_KEYS: 'backend:push:Zx8Kq2Lm5Tv9Bn4Rw7Yc',
  JWT_SECRET: 'x9Kf2mQ7vLr4TbZ8wNcE5hYdU3jPaS6g',
};

describe('the settings', () => {
  it('are exactly those of .env.example, with the same defaults', () => {
    const lines = readFileSync('.env.example', 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line));
    const example = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(Object.keys(example).sort()).toEqual(Object.keys(SCHEMA.shape).sort());
    expect(SCHEMA.parse(example)).toEqual(SCHEMA.parse({}));
  });

  it('let no token be good for longer than the ends of sessions are remembered', () => {
    const { TOKEN_TTL, SESSION_TTL } = SCHEMA.parse({ TOKEN_TTL: '15m', SESSION_TTL: '30d' });
    expect([TOKEN_TTL, SESSION_TTL]).toEqual([MAX_TOKEN_TTL, MAX_SESSION_TTL]);
    expect(() => readSettings({ TOKEN_TTL: '901s' })).toThrow(/^TOKEN_TTL/m);
    expect(() => readSettings({ SESSION_TTL: '31d' })).toThrow(/^SESSION_TTL/m);
    expect(END_MEMORY).toBeGreaterThan(MAX_TOKEN_TTL + MAX_SESSION_TTL);
    expect(END_LOG_AGE).toBeGreaterThan(END_MEMORY);
  });

  it('make a service key for the run in development and keep it out of production', () => {
    const settings = readSettings({});
    expect(settings.generated.serviceKey).toMatch(/^dev-/);
    expect(settings.serviceKeys[0]?.scopes).toEqual(['token', 'push', 'admin']);
    expect(readSettings({}).generated.serviceKey).not.toBe(settings.generated.serviceKey);
    expect(() => readSettings({ NODE_ENV: 'production' })).toThrow(/must be set in production/);
  });

  it('accept two secrets while rotating, and no third', () => {
    const secret = (name: string): string => `${name}-${production.JWT_SECRET}`;
    const [a, b, c] = [secret('a'), secret('b'), secret('c')];
    expect(readSettings({ JWT_SECRET: `${a}, ${b}` }).tokens.secrets).toEqual([a, b]);
    expect(() => readSettings({ JWT_SECRET: `${a},${b},${c}` })).toThrow(/^JWT_SECRET must be one/);
  });

  it('show the console outside production, unless they say otherwise', () => {
    expect(readSettings({}).console).toBe(true);
    expect(readSettings({ CONSOLE: 'false' }).console).toBe(false);
    expect(readSettings(production).console).toBe(false);
    expect(readSettings({ ...production, CONSOLE: 'true' }).console).toBe(true);
    expect(() => readSettings({ CONSOLE: 'yes' })).toThrow(/^CONSOLE must be/);
  });

  it.each(['development', 'test', 'production'])(
    'refuse a secret that anybody could guess, also in %s',
    (NODE_ENV) => {
      const env = { ...production, NODE_ENV };
      expect(readSettings(env).tokens.secrets).toEqual([production.JWT_SECRET]);
      for (const JWT_SECRET of ['secret', production.JWT_SECRET.slice(1)]) {
        expect(() => readSettings({ ...env, JWT_SECRET })).toThrow(
          /^JWT_SECRET must be at least 32/,
        );
      }
      for (const JWT_SECRET of [
        'secret'.repeat(6),
        'x'.repeat(40),
        `Wirepost-${'x9'.repeat(16)}`,
      ]) {
        expect(() => readSettings({ ...env, JWT_SECRET })).toThrow(
          /^JWT_SECRET must not be a well-known value/,
        );
      }
    },
  );

  it('let clients go without TLS in production to nobody but this machine', () => {
    const partitions = { AMQP_URL: 'amqp://broker', LOG_PARTITIONS: '2' };
    const start = (PUBLIC_URL: string) => () =>
      readSettings({
        ...production,
        ...(PUBLIC_URL.includes('{') && partitions),
        PUBLIC_URL,
      });
    for (const host of [
      'localhost',
      'localhost:8086/path',
      'localhost.',
      'LOCALHOST',
      'a.b.localhost',
      '{partition}.localhost',
      '127.0.0.1:8086',
      '127.1.2.3',
      '[::1]:8086',
    ]) {
      expect(start(`ws://${host}`)).not.toThrow();
    }
    for (const host of [
      'a.b',
      'p{partition}.a.b',
      'localhost.a.b',
      'notlocalhost',
      '127.0.0.1.a.b',
      '128.0.0.1',
      '10.127.0.1',
      '0.0.0.0',
      '[::]',
      '[fe80::1]',
    ]) {
      expect(start(`ws://${host}`)).toThrow(/^PUBLIC_URL must start with wss:\/\/ in production/);
      expect(start(`wss://${host}`)).not.toThrow();
    }
    expect(() => readSettings({ PUBLIC_URL: 'ws://a.b' })).not.toThrow();
  });

  it.each([
    'wss://a.b?tenant=1',
    'wss://a.b?',
    'wss://a.b/path#top',
    'wss://me:marmalade@a.b',
    'ws://localhost@a.b',
    'wss://@a.b',
    'wss://a.b/"x"',
    "wss://a.b/'x'",
    'wss://a.b/x y',
    'wss://a.b\tx',
    'wss://a.b,wss://c.d',
    'wss:a.b',
    '"wss://a.b"',
  ])('refuse %j as what the path of a socket is put behind', (PUBLIC_URL) => {
    expect(() => readSettings({ PUBLIC_URL })).toThrow(/^PUBLIC_URL must be a URL that starts/);
    expect(() => readSettings({ PUBLIC_URL })).not.toThrow(/marmalade/);
  });

  it('take a URL with a path for sockets', () => {
    for (const PUBLIC_URL of ['wss://a.b:8443/x/y', 'ws://[::1]:8086', 'WSS://bücher.example'])
      expect(readSettings({ PUBLIC_URL: `${PUBLIC_URL}/` }).websocket.publicUrls).toEqual([
        PUBLIC_URL,
      ]);
  });

  it('take no blanks around an address to listen on', () => {
    expect(readSettings({ HOST: ' ::1 ', PORT: ' 80 ' }).http).toMatchObject({
      host: '::1',
      port: 80,
    });
    expect(readSettings({}).http.host).toBe('0.0.0.0');
    for (const HOST of [' ', 'a b']) expect(() => readSettings({ HOST })).toThrow(/^HOST must/);
  });

  it.each(['%zzuser:marmalade@h', 'user:marmalade%@h', 'caf%E9:marmalade@h', 'a:b@h,amqp://%@h'])(
    'refuse amqp://%s, which is not encoded as it should be, and do not tell it',
    (rest) => {
      const start = (): unknown => readSettings({ AMQP_URL: `amqp://${rest}` });
      expect(start).toThrow(/^AMQP_URL must have .*percent-encoded.*\.$/);
      expect(start).not.toThrow(/zzuser|marmalade|caf|@h/);
    },
  );

  it('lead clients to wss:// where there is a certificate, and take no half of one', () => {
    const env = { TLS_CERT_FILE: '/a.crt', TLS_KEY_FILE: '/a.key', PORT: '443' };
    const { http, websocket } = readSettings(env);
    expect(http.tls).toEqual({ cert: '/a.crt', key: '/a.key' });
    expect(websocket.publicUrls).toEqual(['wss://localhost:443']);
    expect(readSettings({ ...env, PUBLIC_URL: 'wss://a.b' }).websocket.publicUrls).toEqual([
      'wss://a.b',
    ]);
    expect(() => readSettings({ ...env, TLS_CERT_FILE: '' })).toThrow(/^TLS_CERT_FILE must be set/);
    expect(() => readSettings({ ...env, TLS_KEY_FILE: '' })).toThrow(/^TLS_KEY_FILE must be set/);
    expect(readSettings({}).http.tls).toBeUndefined();
  });

  it.each<[string, Record<string, string>]>([
    ['NODE_ENV', { NODE_ENV: 'prod' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://a.b' }],
    ['GLOBAL_PREFIX', { GLOBAL_PREFIX: 'realtime' }],
    ['GLOBAL_PREFIX', { GLOBAL_PREFIX: '/a/' }],
    ['AMQP_PREFIX', { AMQP_PREFIX: 'a'.repeat(33) }],
    ['AMQP_PREFIX', { AMQP_PREFIX: 'amq' }],
    ['AMQP_PREFIX', { AMQP_PREFIX: 'amq.wirepost' }],
    ['ORIGINS', { ORIGINS: 'https://app.example.com/' }],
    ['SERVICE_KEYS', { SERVICE_KEYS: 'a:push:0123456789abcde' }],
    ['SERVICE_KEYS', { ...production, SERVICE_KEYS: 'a:push:changeme-0123456789' }],
    ['JWT_SECRET', { ...production, JWT_SECRET: `${production.JWT_SECRET},Tq7` }],
    ['JWT_SECRET', { ...production, JWT_SECRET: `${production.JWT_SECRET},${'secret'.repeat(6)}` }],
    ['WINDOW_MAX_AGE', { WINDOW_MAX_AGE: '2h', LOG_MAX_AGE: '1h' }],
    ['RETRY_DELAYS', { RETRY_DELAYS: '5s,5s' }],
    ['RETRY_DELAYS', { RETRY_DELAYS: '9ms' }],
    ['MAX_PAYLOAD', { MAX_PAYLOAD: '2MiB' }],
    ['PORT', { PORT: '65536' }],
  ])('refuse a wrong %s: %j', (name, env) => {
    expect(() => readSettings(env)).toThrow(new RegExp(`^${name}\\b`));
  });

  it.each([
    ['a:users:shop-*', 'of a service that is none'],
    ['backend:tags:vip', 'of a kind that is none'],
    ['backend:businessTypes:order.**', 'with a pattern that is none'],
    ['backend:users:', 'without a pattern'],
    ['backend:users:a+', 'with an empty pattern'],
    ['backend:users:shop-* + kiosk', 'with blanks around a pattern'],
    ['backend:users:shop-*-eu', 'with a star in a name'],
    [`backend:businessTypes:${Array.from({ length: 33 }, () => 'a').join('+')}`, 'too many'],
  ])('refuse the limit %s, %s', (SERVICE_LIMITS) => {
    expect(() => readSettings({ ...production, SERVICE_LIMITS })).toThrow(/^SERVICE_LIMITS\b/);
  });

  it('refuse one key of two services, whose limits would be those of either', () => {
    const { SERVICE_KEYS } = production;
    const twice = `${SERVICE_KEYS},${SERVICE_KEYS.replace('backend', 'other')}`;
    expect(() => readSettings({ ...production, SERVICE_KEYS: twice })).toThrow(/^SERVICE_KEYS\b/);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', 'proxy.local', '2001:db8::/129', '10.0.0.0/8/8'])(
    'refuse %s as a trusted proxy',
    (TRUSTED_PROXIES) => {
      expect(() => readSettings({ TRUSTED_PROXIES })).toThrow(/^TRUSTED_PROXIES\b/);
    },
  );

  it('read proxies by their address or their network', () => {
    const { addresses } = readSettings({ TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::1' }).websocket;
    expect(addresses.trustedProxies).toEqual([
      { network: '10.0.0.0', bits: 8, family: 'ipv4' },
      { network: '2001:db8::1', bits: 128, family: 'ipv6' },
    ]);
  });

  it('give every key of a service its limits, several of a kind together', () => {
    const { serviceKeys } = readSettings({
      ...production,
      SERVICE_KEYS: `${production.SERVICE_KEYS},backend:token:${production.JWT_SECRET},other:push:${production.JWT_SECRET}0`,
      SERVICE_LIMITS: 'backend:users:shop:*+kiosk,backend:users:stand',
    });
    const may = (user: string): boolean[] =>
      serviceKeys.map(({ reach }) => {
        try {
          reach.checkUser(user);
          return true;
        } catch {
          return false;
        }
      });
    expect(may('shop:7')).toEqual([true, true, true]);
    expect(may('kiosk')).toEqual([true, true, true]);
    expect(may('stand')).toEqual([true, true, true]);
    expect(may('bank')).toEqual([false, false, true]);
  });

  it('read durations and sizes', () => {
    const settings = readSettings({
      HEARTBEAT: '90s',
      WINDOW_MAX_AGE: '2h',
      WINDOW_MAX_BYTES: '3MiB',
    });
    expect(settings.websocket.heartbeat).toBe(90_000);
    expect(settings.window).toEqual({ maxAge: 7_200_000, maxBytes: 3_145_728 });
  });

  it('refuse what no timer and no socket could keep, and brokers of several users', () => {
    expect(readSettings({ RETRY_DELAYS: '1s,7d' }).retryDelays).toEqual([1000, 604_800_000]);
    expect(() => readSettings({ RETRY_DELAYS: '1s,8d' })).toThrow(/^RETRY_DELAYS must/);
    expect(() => readSettings({ MAX_BUFFERED: '63KiB' })).toThrow(/^MAX_BUFFERED must/);
    const urls = (other: string) => `amqp://one:secret@a,amqp://${other}:secret@b`;
    expect(readSettings({ AMQP_URL: urls('one') }).rabbitmq?.urls).toHaveLength(2);
    expect(readSettings({ AMQP_URL: urls('%6Fne') }).rabbitmq?.urls).toHaveLength(2);
    expect(readSettings({ AMQP_PREFIX: 'amqp' }).amqpPrefix).toBe('amqp');
    const several = () => readSettings({ AMQP_URL: urls('two') });
    expect(several).toThrow(/^AMQP_URL must name one user/);
    expect(several).not.toThrow(/secret/);
  });

  it('name the users of the broker that are believed besides the own one', () => {
    const env = { AMQP_URL: 'amqp://one@a', AMQP_TRUSTED_USERS: ' former , next' };
    expect(readSettings(env).rabbitmq?.trustedUsers).toEqual(['former', 'next']);
    expect(readSettings({ AMQP_URL: 'amqp://one@a' }).rabbitmq?.trustedUsers).toEqual([]);
  });

  it('give each partition of the log a URL of its own', () => {
    const env = {
      AMQP_URL: 'amqp://broker',
      PUBLIC_URL: 'wss://dws-{partition}.example.com/',
      LOG_PARTITIONS: '2',
      LOG_PARTITION: '1',
      GLOBAL_PREFIX: '/realtime',
    };
    const { websocket, partitions } = readSettings(env);
    expect(partitions).toEqual({ count: 2, own: 1 });
    expect(websocket.publicUrls).toEqual([
      'wss://dws-0.example.com/realtime',
      'wss://dws-1.example.com/realtime',
    ]);
    expect(() => readSettings({ ...env, LOG_PARTITION: '2' })).toThrow(/^LOG_PARTITION must be/);
    expect(() => readSettings({ ...env, PUBLIC_URL: 'wss://a.b' })).toThrow(/^PUBLIC_URL must/);
    expect(() => readSettings({ PUBLIC_URL: env.PUBLIC_URL })).toThrow(/^PUBLIC_URL must/);
    expect(() => readSettings({ ...env, AMQP_URL: '' })).toThrow(/^LOG_PARTITIONS must be 1/);
  });
});
