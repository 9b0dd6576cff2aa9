// What happens now: calls, errors and latencies second by second, for the last two minutes.

/** Seconds that are kept. */
export const SPAN = 120;
/** Seconds that "now" means. */
export const NOW = 60;
/** Latencies that are kept of one second; more are sampled. */
const SAMPLES = 200;

interface Second {
  /** Since the epoch; tells whether the slot is of this round. */
  at: number;
  calls: number;
  errors: number;
  /** Calls that are known only by number. */
  unseen: number;
  timed: number;
  times: number[];
}

export interface Rate {
  perSecond: number;
  errorRate: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Whether percentiles come from a sample. */
  sampled: boolean;
}

const empty = (at: number): Second => ({ at, calls: 0, errors: 0, unseen: 0, timed: 0, times: [] });

/** Counts by event time. What is older than `SPAN` seconds is not now. */
export class Pulse {
  private readonly slots: Second[] = Array.from({ length: SPAN }, () => empty(0));
  /** Since when everything is known, in seconds. */
  private since: number;

  constructor(now: number, private readonly random: () => number = Math.random) {
    this.since = Math.floor(now / 1000);
  }

  /** From here on everything was told. */
  knownSince(millis: number): void {
    this.since = Math.min(this.since, Math.floor(millis / 1000));
  }

  add(eventMillis: number, nowMillis: number, isError: boolean, millis: number | undefined): void {
    const second = this.at(eventMillis, nowMillis);
    if (!second) return;
    second.calls++;
    if (isError) second.errors++;
    if (millis === undefined) return;
    second.timed++;
    if (second.times.length < SAMPLES) second.times.push(millis);
    else {
      const place = Math.floor(this.random() * second.timed);
      if (place < SAMPLES) second.times[place] = millis;
    }
  }

  /** Calls that were missed count as made now. */
  missed(count: number, nowMillis: number): void {
    const second = this.at(nowMillis, nowMillis);
    if (second) second.unseen += count;
  }

  /** The last `NOW` seconds that are over, or as many of them as are known. */
  rate(nowMillis: number): Rate {
    const now = Math.floor(nowMillis / 1000);
    const from = Math.max(now - NOW, this.since);
    let [calls, errors, unseen, sampled] = [0, 0, 0, false];
    const times: number[] = [];
    for (let at = from; at < now; at++) {
      const second = this.slots[at % SPAN];
      if (second?.at !== at) continue;
      calls += second.calls;
      errors += second.errors;
      unseen += second.unseen;
      sampled ||= second.timed > second.times.length || second.unseen > 0;
      times.push(...second.times);
    }
    times.sort((a, b) => a - b);
    const seconds = Math.max(1, now - from);
    return {
      perSecond: (calls + unseen) / seconds,
      errorRate: calls === 0 ? null : errors / calls,
      p50: quantile(times, 0.5),
      p95: quantile(times, 0.95),
      p99: quantile(times, 0.99),
      sampled,
    };
  }

  /** Seconds that are over, oldest first: when, good calls, errors. */
  seconds(nowMillis: number): { at: number[]; good: number[]; bad: number[] } {
    const now = Math.floor(nowMillis / 1000);
    const [at, good, bad]: [number[], number[], number[]] = [[], [], []];
    for (let second = now - SPAN + 1; second < now; second++) {
      const slot = this.slots[((second % SPAN) + SPAN) % SPAN];
      const is = slot?.at === second ? slot : empty(second);
      at.push(second);
      good.push(is.calls - is.errors + is.unseen);
      bad.push(is.errors);
    }
    return { at, good, bad };
  }

  private at(eventMillis: number, nowMillis: number): Second | undefined {
    const now = Math.floor(nowMillis / 1000);
    // Clocks differ a little: what is ahead is now.
    const at = Math.min(Math.floor(eventMillis / 1000), now);
    if (at <= now - SPAN) return undefined;
    const place = at % SPAN;
    let slot = this.slots[place];
    if (slot?.at !== at) {
      slot = empty(at);
      this.slots[place] = slot;
    }
    return slot;
  }
}

/** The value with a share `q` of sorted values at or below it; null of none. */
export function quantile(sorted: number[], q: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
}
