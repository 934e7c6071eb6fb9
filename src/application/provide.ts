import type { Provider } from '@nestjs/common';

type Token<T> = abstract new (...args: never[]) => T;
type Instances<T extends readonly unknown[]> = {
  [K in keyof T]: T[K] extends Token<infer I> ? I : never;
};

/** A provider made by a function of other providers, with its types checked. */
export function provide<T, D extends readonly Token<unknown>[]>(
  token: Token<T>,
  inject: readonly [...D],
  make: (...args: Instances<D>) => T,
): Provider {
  return { provide: token, inject: [...inject], useFactory: make as (...args: unknown[]) => T };
}
