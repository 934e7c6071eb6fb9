import { randomBytes } from 'node:crypto';

import { z } from 'zod';

import { SCOPES, type ServiceKey } from './application/ports/service-keys';
import { LOG_LEVELS, type LogLevel } from './infrastructure/observability/console-log';
import type { RabbitMqSettings } from './infrastructure/rabbitmq/rabbitmq-settings';
import { readSubnet } from './interface/websocket/address-limits';
import type { TlsFiles } from './interface/http/tls-files';
import type { WebSocketSettings } from './interface/websocket/websocket-settings';
import {
  faultOf,
  readServiceKey,
  readServiceLimit,
  SERVICE_KEY_RULE,
  SERVICE_LIMIT_RULE,
  servicesOf,
} from './service-settings';
import { duration, each, integer, list, parsed, readDuration, size, text } from './setting-readers';
import {
  AMQP_URL_RULE,
  faultOfUsers,
  PARTITION_MARK,
  readAmqpUrl,
  readSocketUrl,
  SOCKET_URL_RULE,
} from './url-settings';

/** Everything that can be set, one slice for each part of the program. */
export interface Settings {
  readonly production: boolean;
  readonly logLevel: LogLevel;
  /** Processes that share the port, each a node. */
  readonly workers: number;
  readonly http: {
    readonly port: number;
    readonly host: string;
    readonly globalPrefix: string;
    /** Undefined: plain HTTP. */
    readonly tls: TlsFiles | undefined;
  };
  readonly websocket: WebSocketSettings;
  /** Whether the console is served. */
  readonly console: boolean;
  /** Undefined: the embedded default. */
  readonly rabbitmq: RabbitMqSettings | undefined;
  /** Before the names of exchanges, for their description, with a broker or without. */
  readonly amqpPrefix: string;
  readonly retryDelays: readonly number[];
  readonly window: { readonly maxAge: number; readonly maxBytes: number };
  readonly log: { readonly maxBytes: number };
  /** How many partitions the log has, and which of them this node reads. */
  readonly partitions: { readonly count: number; readonly own: number };
  readonly tokens: {
    /** The first one signs, all verify. */
    readonly secrets: readonly [string, ...string[]];
    readonly tokenTtl: number;
    readonly sessionTtl: number;
  };
  readonly serviceKeys: readonly ServiceKey[];
  /** What was made for this run because it was not set; never in production. */
  readonly generated: { readonly serviceKey?: string; readonly secret: boolean };
}

/** ms that a retry may wait: a timer takes no more than 24 days, a queue's TTL 49. */
const MAX_DELAY = 7 * 86_400_000;

/** A setting has a wrong value; the message names the variable and the rule, never the value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const MIN_SECRET = 32;
const WELL_KNOWN =
  /secret|password|changeme|change-me|example|default|^(.)\1*$|1234567|qwerty|wirepost/i;
/** Hosts of this machine (RFC 6761 6.3, RFC 1122 3.2.1.3), as URL writes them. */
const LOOPBACK = /^(?:(?:[^.]+\.)*localhost\.?|127(?:\.\d+){3}|\[::1\])$/;

function readOrigin(value: string): string | undefined {
  if (value === '*') return value;
  return URL.canParse(value) && new URL(value).origin === value ? value : undefined;
}

/** The one schema: its keys are those of `.env.example`. */
export const SCHEMA = z.object({
  NODE_ENV: parsed('development', 'must be development, test or production', (value) =>
    ['development', 'test', 'production'].find((one) => one === value),
  ),
  PORT: integer('8086', 0, 65_535),
  HOST: parsed('0.0.0.0', 'must be an address or a name of this machine', (value) =>
    /^\S+$/.test(value) ? value : undefined,
  ),
  WORKERS: integer('1', 1, 64),
  TLS_CERT_FILE: text(''),
  TLS_KEY_FILE: text(''),
  PUBLIC_URL: parsed('', SOCKET_URL_RULE, (value) => (value === '' ? '' : readSocketUrl(value))),
  GLOBAL_PREFIX: parsed('', 'must be empty or path segments such as /realtime', (value) =>
    value === '' || /^(\/[A-Za-z0-9_-]+)+$/.test(value) ? value : undefined,
  ),
  AMQP_URL: parsed('', AMQP_URL_RULE, (value) => each(value, readAmqpUrl)),
  AMQP_TRUSTED_USERS: parsed('', 'must be names of users, separated by commas', (value) =>
    each(value, (one) => one),
  ),
  AMQP_PREFIX: parsed(
    'wirepost',
    'must be 1 to 32 of a-z A-Z 0-9 _ - . and neither amq nor begin with amq., which the broker keeps to itself',
    (value) => (/^(?!amq(?:\.|$))[A-Za-z0-9_.-]{1,32}$/.test(value) ? value : undefined),
  ),
  CONNECT_TIMEOUT: duration('30s', '1s', '10m'),
  PUBLISH_TIMEOUT: duration('5s', '100ms', '1m'),
  SERVICE_KEYS: parsed('', SERVICE_KEY_RULE, (value) => each(value, readServiceKey)),
  SERVICE_LIMITS: parsed('', SERVICE_LIMIT_RULE, (value) => each(value, readServiceLimit)),
  JWT_SECRET: text('').transform(list),
  TOKEN_TTL: duration('60s', '1s', '15m'),
  SESSION_TTL: duration('24h', '1s', '30d'),
  ORIGINS: parsed(
    '*',
    'must be * or origins such as https://app.example.com, separated by commas',
    (value) => each(value, readOrigin),
  ),
  WINDOW_MAX_AGE: duration('15m', '10s', '1d'),
  WINDOW_MAX_BYTES: size('256MiB', '1MiB', '16GiB'),
  LOG_PARTITIONS: integer('1', 1, 16),
  LOG_PARTITION: integer('0', 0, 15),
  LOG_MAX_AGE: duration('1d', '1m', '365d'),
  LOG_MAX_BYTES: size('5GiB', '1MiB', '1024GiB'),
  HEARTBEAT: duration('25s', '1s', '5m'),
  MAX_PAYLOAD: size('64KiB', '1KiB', '1MiB'),
  MAX_BUFFERED: size('256KiB', '64KiB', '64MiB'),
  MAX_CONNECTIONS: integer('100000', 1, 10_000_000),
  MAX_USER_CONNECTIONS: integer('1000', 1, 10_000_000),
  MAX_IP_CONNECTIONS: integer('0', 0, 10_000_000),
  IP_RATE: integer('0', 0, 1_000_000),
  TRUSTED_PROXIES: parsed(
    '',
    'must be addresses or networks such as 10.0.0.0/8, separated by commas',
    (value) => each(value, readSubnet),
  ),
  CLIENT_RATE: integer('5000', 1, 1_000_000),
  DRAIN_TIMEOUT: duration('10s', '0s', '5m'),
  RETRY_DELAYS: parsed(
    '1s,5s,30s,2m',
    'must be durations such as 1s,5s,30s, each longer than the one before, of 7d at most',
    (value) => {
      const delays = each(value, readDuration);
      const grows = delays?.every(
        (delay, i) => delay >= 10 && delay <= MAX_DELAY && delay > (delays[i - 1] ?? 0),
      );
      return grows === true && delays !== undefined && delays.length > 0 ? delays : undefined;
    },
  ),
  CONSOLE: parsed('', 'must be true, false or empty', (value) =>
    ['', 'true', 'false'].find((one) => one === value),
  ),
  LOG_LEVEL: parsed('log', `must be one of ${LOG_LEVELS.join(', ')}`, (value) =>
    LOG_LEVELS.find((level) => level === value),
  ),
});

type Values = z.output<typeof SCHEMA>;

/** Reads the settings; throws a SettingsError with one sentence for the first wrong value. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const present = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = SCHEMA.safeParse(present);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new SettingsError(`${String(issue?.path[0])} ${issue?.message ?? 'is wrong'}.`);
  }
  const values = result.data;
  checkTogether(values);
  const secrets = secretsOf(values);
  const serviceKey =
    values.SERVICE_KEYS.length === 0 ? `dev-${randomBytes(18).toString('base64url')}` : undefined;
  const production = values.NODE_ENV === 'production';
  return Object.freeze({
    production,
    logLevel: values.LOG_LEVEL,
    workers: values.WORKERS,
    http: {
      port: values.PORT,
      host: values.HOST,
      globalPrefix: values.GLOBAL_PREFIX,
      tls: tlsSlice(values),
    },
    websocket: webSocketSlice(values),
    console: hasConsole(values),
    rabbitmq: rabbitSlice(values),
    amqpPrefix: values.AMQP_PREFIX,
    retryDelays: values.RETRY_DELAYS,
    window: { maxAge: values.WINDOW_MAX_AGE, maxBytes: values.WINDOW_MAX_BYTES },
    log: { maxBytes: Math.min(values.LOG_MAX_BYTES, values.WINDOW_MAX_BYTES) },
    partitions: { count: values.LOG_PARTITIONS, own: values.LOG_PARTITION },
    tokens: {
      secrets: secrets ?? [randomBytes(32).toString('base64url')],
      tokenTtl: values.TOKEN_TTL,
      sessionTtl: values.SESSION_TTL,
    },
    serviceKeys:
      serviceKey === undefined
        ? servicesOf(values.SERVICE_KEYS, values.SERVICE_LIMITS)
        : servicesOf([{ name: 'development', scopes: SCOPES, key: serviceKey }], []),
    generated: {
      ...(serviceKey === undefined ? {} : { serviceKey }),
      secret: secrets === undefined,
    },
  });
}

/** What was made for this run, as the variables by which other processes of the run get the same. */
export function generatedEnvironment({ generated, tokens }: Settings): Record<string, string> {
  const { serviceKey, secret } = generated;
  return {
    ...(serviceKey !== undefined && {
      SERVICE_KEYS: `development:${SCOPES.join('+')}:${serviceKey}`,
    }),
    ...(secret && { JWT_SECRET: tokens.secrets[0] }),
  };
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new SettingsError(fault);
}

function checkTogether(values: Values): void {
  if (values.WORKERS > 1 && values.AMQP_URL.length === 0) {
    throw new SettingsError(
      'WORKERS must be 1 without AMQP_URL, or each worker would have a log of its own.',
    );
  }
  refuse(faultOfUsers(values.AMQP_URL));
  refuse(faultOf(values.SERVICE_KEYS, values.SERVICE_LIMITS));
  // A token's claim may come later than its end, by as long as its way through the log takes.
  if (values.TOKEN_TTL > values.WINDOW_MAX_AGE / 2) {
    throw new SettingsError(
      'TOKEN_TTL must not be longer than half of WINDOW_MAX_AGE, or a used token could be used again.',
    );
  }
  if (values.WINDOW_MAX_AGE > values.LOG_MAX_AGE) {
    throw new SettingsError('WINDOW_MAX_AGE must not be longer than LOG_MAX_AGE.');
  }
  checkPartitions(values);
  if (values.NODE_ENV !== 'production') return;
  if (values.SERVICE_KEYS.length === 0)
    throw new SettingsError('SERVICE_KEYS must be set in production.');
  checkPublicUrl(values);
  for (const { name, key } of values.SERVICE_KEYS) {
    if (WELL_KNOWN.test(key))
      throw new SettingsError(`SERVICE_KEYS: the key of ${name} is a well-known one.`);
  }
}

/** Tokens and messages are for nobody on the way: only what does not leave the machine may go without TLS. */
function checkPublicUrl({ PUBLIC_URL }: Values): void {
  if (PUBLIC_URL === '') throw new SettingsError('PUBLIC_URL must be set in production.');
  const { protocol, hostname } = new URL(PUBLIC_URL.replaceAll(PARTITION_MARK, '0'));
  if (protocol !== 'wss:' && !LOOPBACK.test(hostname)) {
    throw new SettingsError(
      'PUBLIC_URL must start with wss:// in production, unless its host is localhost or a loopback address.',
    );
  }
}

function checkPartitions({ LOG_PARTITIONS, LOG_PARTITION, AMQP_URL, PUBLIC_URL }: Values): void {
  if (LOG_PARTITION >= LOG_PARTITIONS) {
    throw new SettingsError('LOG_PARTITION must be less than LOG_PARTITIONS; it counts from 0.');
  }
  if (PUBLIC_URL.includes(PARTITION_MARK) !== LOG_PARTITIONS > 1) {
    throw new SettingsError(
      `PUBLIC_URL must contain ${PARTITION_MARK} when, and only when, LOG_PARTITIONS is more than 1: each partition has nodes of its own.`,
    );
  }
  if (LOG_PARTITIONS > 1 && AMQP_URL.length === 0) {
    throw new SettingsError('LOG_PARTITIONS must be 1 without AMQP_URL.');
  }
}

function secretsOf(values: Values): readonly [string, ...string[]] | undefined {
  const secrets = values.JWT_SECRET;
  const [first, ...others] = secrets;
  const production = values.NODE_ENV === 'production';
  if (first === undefined) {
    if (production) throw new SettingsError('JWT_SECRET must be set in production.');
    return undefined;
  }
  if (secrets.length > 2)
    throw new SettingsError('JWT_SECRET must be one secret, or two while rotating.');
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET) {
      throw new SettingsError(`JWT_SECRET must be at least ${String(MIN_SECRET)} characters long.`);
    }
    if (WELL_KNOWN.test(secret))
      throw new SettingsError('JWT_SECRET must not be a well-known value.');
  }
  return [first, ...others];
}

/** Only names here: the files are read when they are due, and again. */
function tlsSlice({ TLS_CERT_FILE: cert, TLS_KEY_FILE: key }: Values): TlsFiles | undefined {
  if (cert === '' && key === '') return undefined;
  if (cert === '') throw new SettingsError('TLS_CERT_FILE must be set when TLS_KEY_FILE is.');
  if (key === '') throw new SettingsError('TLS_KEY_FILE must be set when TLS_CERT_FILE is.');
  return { cert, key };
}

function hasConsole({ CONSOLE, NODE_ENV }: Values): boolean {
  return CONSOLE === '' ? NODE_ENV !== 'production' : CONSOLE === 'true';
}

function webSocketSlice(values: Values): WebSocketSettings {
  return {
    publicUrls: Array.from({ length: values.LOG_PARTITIONS }, (_, partition) =>
      publicUrl(values, partition),
    ),
    path: `${values.GLOBAL_PREFIX}/socket/`,
    origins: values.ORIGINS.includes('*') ? undefined : new Set(values.ORIGINS),
    heartbeat: values.HEARTBEAT,
    maxPayload: values.MAX_PAYLOAD,
    maxBuffered: values.MAX_BUFFERED,
    maxConnections: values.MAX_CONNECTIONS,
    maxUserConnections: values.MAX_USER_CONNECTIONS,
    addresses: {
      maxConnections: values.MAX_IP_CONNECTIONS,
      rate: values.IP_RATE,
      trustedProxies: values.TRUSTED_PROXIES,
    },
    clientRate: values.CLIENT_RATE,
    drainTimeout: values.DRAIN_TIMEOUT,
    repeatWithin: values.WINDOW_MAX_AGE / 2,
  };
}

function publicUrl(values: Values, partition: number): string {
  const { PUBLIC_URL, PORT, GLOBAL_PREFIX, TLS_CERT_FILE } = values;
  const scheme = TLS_CERT_FILE === '' ? 'ws' : 'wss';
  const url = PUBLIC_URL || `${scheme}://localhost:${String(PORT)}`;
  return url.replaceAll(PARTITION_MARK, String(partition)) + GLOBAL_PREFIX;
}

function rabbitSlice(values: Values): RabbitMqSettings | undefined {
  if (values.AMQP_URL.length === 0) return undefined;
  return {
    urls: values.AMQP_URL,
    trustedUsers: values.AMQP_TRUSTED_USERS,
    prefix: values.AMQP_PREFIX,
    connectTimeout: values.CONNECT_TIMEOUT,
    publishTimeout: values.PUBLISH_TIMEOUT,
    logMaxAge: values.LOG_MAX_AGE,
    logMaxBytes: values.LOG_MAX_BYTES,
    retryDelays: values.RETRY_DELAYS,
  };
}
