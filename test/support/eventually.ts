const STEP = 10;

/** Repeats an assertion, `every` so many ms, until it holds; throws its last error when it does not within `within` ms. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { within = 5000, every = STEP }: { within?: number; every?: number } = {},
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
