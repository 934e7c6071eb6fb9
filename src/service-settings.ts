import type { ServiceKey } from './application/ports/service-keys';
import { type ServiceLimits, ServiceReach } from './domain/routing/service-reach';
import { TOPIC_PATTERN } from './domain/routing/topic-pattern';

export const SCOPES = ['token', 'push', 'admin'] as const;
const MIN_KEY = 16;
const LIMITS = ['businessTypes', 'users', 'labels'] as const;

export const SERVICE_KEY_RULE = `must be name:scope+scope:key, separated by commas; scopes are ${SCOPES.join(', ')}, a key has ${String(MIN_KEY)} characters or more and no colon`;
export const SERVICE_LIMIT_RULE = `must be name:kind:pattern+pattern, separated by commas; kinds are ${LIMITS.join(', ')}, business types are topic patterns such as order.#, the others names or beginnings such as shop-*`;

type Key = Omit<ServiceKey, 'reach'>;

/** One kind of limit of one service. */
export interface ServiceLimit {
  readonly name: string;
  readonly kind: keyof ServiceLimits;
  readonly patterns: readonly string[];
}

/** Reads `name:scope+scope:key`; undefined for anything else. */
export function readServiceKey(value: string): Key | undefined {
  const [, name, scopeText, key] = /^([A-Za-z0-9_-]+):([a-z+]+):([^\s:,]+)$/.exec(value) ?? [];
  if (name === undefined || scopeText === undefined || key === undefined || key.length < MIN_KEY)
    return undefined;
  const scopes = scopeText.split('+');
  const known = SCOPES.filter((scope) => scopes.includes(scope));
  return known.length === scopes.length ? { name, scopes: known, key } : undefined;
}

/** Reads `name:kind:pattern+pattern`; undefined for anything else. */
export function readServiceLimit(value: string): ServiceLimit | undefined {
  const [, name, kindText, patternText] = /^([A-Za-z0-9_-]+):([A-Za-z]+):(.+)$/.exec(value) ?? [];
  const kind = LIMITS.find((one) => one === kindText);
  if (name === undefined || kind === undefined || patternText === undefined) return undefined;
  const patterns = patternText.split('+');
  const rule = kind === 'businessTypes' ? TOPIC_PATTERN : /\S/;
  return patterns.every((one) => rule.test(one)) ? { name, kind, patterns } : undefined;
}

/** The keys with the limits of their services; several of one kind count together. */
export function servicesOf(
  keys: readonly Key[],
  limits: readonly ServiceLimit[],
): readonly ServiceKey[] {
  return keys.map((key) => {
    const own: Partial<Record<keyof ServiceLimits, readonly string[]>> = {};
    for (const { name, kind, patterns } of limits)
      if (name === key.name) own[kind] = [...(own[kind] ?? []), ...patterns];
    return { ...key, reach: new ServiceReach(own) };
  });
}
