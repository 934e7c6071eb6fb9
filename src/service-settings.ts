import { SCOPES, type ServiceKey } from './application/ports/service-keys';
import { type ServiceLimits, ServiceReach } from './domain/routing/service-reach';
import { TOPIC_PATTERN } from './domain/routing/topic-pattern';

const MIN_KEY = 16;
const KINDS = ['businessTypes', 'users', 'labels'] as const;
/** Business types of one service: its tokens carry them, in a URL. */
const MAX_BUSINESS_TYPES = 32;
/** A name, or its beginning; nothing at all, a `*` elsewhere, or blanks around it, would never be what was meant. */
const NAME_PATTERN = /^(?=\S)[^*]*\*?(?<!\s)$/;

export const SERVICE_KEY_RULE = `must be name:scope+scope:key, separated by commas; scopes are ${SCOPES.join(', ')}, a key has ${String(MIN_KEY)} characters or more and no colon`;
export const SERVICE_LIMIT_RULE = `must be name:kind:pattern+pattern, separated by commas; kinds are ${KINDS.join(', ')}; patterns are ${String(MAX_BUSINESS_TYPES)} business types at most such as order.#, or names without a plus, or beginnings of names such as shop-*`;

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
  const kind = KINDS.find((one) => one === kindText);
  if (name === undefined || kind === undefined || patternText === undefined) return undefined;
  const patterns = patternText.split('+');
  const rule = kind === 'businessTypes' ? TOPIC_PATTERN : NAME_PATTERN;
  return patterns.every((one) => rule.test(one)) ? { name, kind, patterns } : undefined;
}

/** A sentence about what is wrong with keys and limits together; undefined when nothing is. */
export function faultOf(keys: readonly Key[], limits: readonly ServiceLimit[]): string | undefined {
  // The limits of the one would be those of the other.
  const names = new Map<string, string>();
  for (const { key, name } of keys) {
    const other = names.get(key);
    if (other !== undefined && other !== name)
      return `SERVICE_KEYS: ${other} and ${name} must not have the same key.`;
    names.set(key, name);
  }
  for (const { name } of limits) {
    // A mistyped name would leave a service without its limit.
    if (!keys.some((key) => key.name === name))
      return `SERVICE_LIMITS: ${name} is no service of SERVICE_KEYS.`;
    const { businessTypes = [] } = limitsOf(name, limits);
    if (businessTypes.length > MAX_BUSINESS_TYPES)
      return `SERVICE_LIMITS: ${name} must have ${String(MAX_BUSINESS_TYPES)} business types at most.`;
  }
  return undefined;
}

/** The keys with the limits of their services. */
export function servicesOf(
  keys: readonly Key[],
  limits: readonly ServiceLimit[],
): readonly ServiceKey[] {
  return keys.map((key) => ({ ...key, reach: new ServiceReach(limitsOf(key.name, limits)) }));
}

/** Several of one kind count together. */
function limitsOf(service: string, limits: readonly ServiceLimit[]): ServiceLimits {
  const own: Partial<Record<keyof ServiceLimits, readonly string[]>> = {};
  for (const { name, kind, patterns } of limits)
    if (name === service) own[kind] = [...(own[kind] ?? []), ...patterns];
  return own;
}
