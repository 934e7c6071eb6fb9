import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Any text. */
export function text(fallback: string) {
  return z.string().default(fallback);
}

/** Reads `text` with `parse`; what it cannot read is an error that states the rule. */
export function parsed<T>(fallback: string, rule: string, parse: (value: string) => T | undefined) {
  return text(fallback).transform((value, context) => {
    const result = parse(value.trim());
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: rule });
    return z.NEVER;
  });
}

/** A decimal number of `min` to `max`. */
export function integer(fallback: string, min: number, max: number) {
  return parsed(fallback, `must be an integer of ${String(min)} to ${String(max)}`, (value) => {
    const number = Number(value);
    return /^\d+$/.test(value) && number >= min && number <= max ? number : undefined;
  });
}

/** Reads a whole number with its unit; undefined for anything else. */
function readQuantity(value: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, name = ''] = /^(\d+)([A-Za-z]+)$/.exec(value) ?? [];
  const unit = Object.hasOwn(units, name) ? units[name] : undefined;
  return unit === undefined ? undefined : Number(number) * unit;
}

/** A quantity from `min` to `max`; `rule` says what it must be. */
function quantity(
  fallback: string,
  rule: string,
  [min, max]: readonly [string, string],
  read: (value: string) => number | undefined,
) {
  const low = read(min) ?? 0;
  const high = read(max) ?? Infinity;
  return parsed(fallback, `${rule}, from ${min} to ${max}`, (value) => {
    const number = read(value);
    return number !== undefined && number >= low && number <= high ? number : undefined;
  });
}

/** ms of a text such as `90s`; undefined when it is none. */
export function readDuration(value: string): number | undefined {
  return readQuantity(value, UNITS);
}

/** A duration, to ms. */
export function duration(fallback: string, min: string, max: string) {
  return quantity(fallback, 'must be a duration such as 90s or 15m', [min, max], readDuration);
}

/** A size such as `64KiB`, to bytes. */
export function size(fallback: string, min: string, max: string) {
  return quantity(fallback, 'must be a size such as 64KiB or 256MiB', [min, max], (value) =>
    readQuantity(value, SIZES),
  );
}

/** What stands between commas, without what is empty. */
export function list(value: string): readonly string[] {
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** What `read` makes of each part of a list; undefined when it makes nothing of one of them. */
export function each<T>(
  value: string,
  read: (one: string) => T | undefined,
): readonly T[] | undefined {
  const results: T[] = [];
  for (const one of list(value)) {
    const result = read(one);
    if (result === undefined) return undefined;
    results.push(result);
  }
  return results;
}
