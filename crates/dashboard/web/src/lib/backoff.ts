// How long to wait before a connection is tried again.

const FIRST = 400;
const LONGEST = 15_000;

/** Milliseconds before attempt `n`, from 0: doubled each time, with a share of chance so that not all come at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10));
  return ceiling / 2 + random() * (ceiling / 2);
}
