const STEP = 10;

export interface Patience {
  /** ms until it gives up. */
  readonly within?: number;
  /** ms between two attempts. */
  readonly every?: number;
}

/** Repeats an assertion until it holds; throws its last error when it does not within `within` ms. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { within = 5000, every = STEP }: Patience = {},
): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }
}
