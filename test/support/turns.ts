/** Lets promises settle; no timer passes, of the fake clock or of the real one. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}
