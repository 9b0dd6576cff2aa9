// When a quota will be used up if it goes on like this.

export interface Reading {
  /** Milliseconds since the epoch. */
  at: number;
  remaining: number;
}

/** Readings older than this say nothing about now. */
const HORIZON = 10 * 60_000;
/** Less time than this tells no trend. */
const ENOUGH = 3_000;

/** Adds a reading and drops what is too old. Bounded: of those within a second the last is kept. */
export function remember(readings: Reading[], next: Reading): Reading[] {
  const kept = readings.filter((reading) => next.at - reading.at <= HORIZON);
  const [before, last] = kept.slice(-2);
  if (before && last && last.at - before.at < 1_000) kept.pop();
  return [...kept, next];
}

/**
 * Milliseconds since the epoch at which nothing is left, by the mean pace of the readings; null if it is not getting
 * less, or if the window will have let go of what counts now before that.
 */
export function exhaustion(readings: Reading[], resetAt: number): number | null {
  const [first, last] = [readings[0], readings.at(-1)];
  if (!first || !last || last.at - first.at < ENOUGH) return null;
  if (last.remaining <= 0) return last.at;
  const pace = (first.remaining - last.remaining) / (last.at - first.at);
  if (pace <= 0) return null;
  const when = last.at + last.remaining / pace;
  return when < resetAt ? when : null;
}
