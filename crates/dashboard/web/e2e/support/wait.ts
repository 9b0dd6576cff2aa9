// Waits for a condition.

/** Time that is far more than anything takes, so that a busy machine fails no test. */
export const PATIENCE = 20_000;

export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>, patience = PATIENCE): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`there was no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
