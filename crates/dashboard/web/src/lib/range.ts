// Ranges of time: named ones that end now, or two instants; and the bucket that fits.

import type { Bucket } from "../api/types.ts";

/** Their hours. Of all days there are 27 years at most, which are cut to those that have calls. */
export const NAMED = { "1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720, "90d": 2_160, all: 239_760 } as const;
export type Named = keyof typeof NAMED;
export const DEFAULT_RANGE: Named = "24h";

export const NAMES: Record<Named, string> = {
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
  all: "All days",
};

export interface Span {
  /** Milliseconds since the epoch; `to` is the first one outside. */
  from: number;
  to: number;
}

export interface Chosen {
  named: Named | null;
  span: Span;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Fine buckets are kept for eight days; one less leaves room for rounding. */
const FINE = 7 * DAY + 12 * HOUR;
/** Days of a series that is told apart by status are at most a thousand. */
export const LONGEST_GROUPED = 990 * DAY;
/** The longest range that can be asked for. */
export const LONGEST = 9_990 * DAY;

export const isNamed = (text: string | null): text is Named => text !== null && text in NAMED;

/** Reads `range`, or `from` and `to`. What makes no sense is the default. */
export function readRange(query: URLSearchParams, now: number): Chosen {
  const [from, to] = [Date.parse(query.get("from") ?? ""), Date.parse(query.get("to") ?? "")];
  if (from < to && to - from <= LONGEST) return { named: null, span: { from, to } };
  const range = query.get("range");
  const named = isNamed(range) ? range : DEFAULT_RANGE;
  return { named, span: { from: now - NAMED[named] * HOUR, to: now } };
}

/** The parameters of a range; null takes one away. */
export function rangeQuery(range: Named | Span): Record<string, string | null> {
  if (typeof range === "string") {
    return { range: range === DEFAULT_RANGE ? null : range, from: null, to: null };
  }
  return { range: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

/** A week that ends with an instant, on whole minutes. */
export function weekBefore(at: number): Span {
  const to = (Math.floor(at / MINUTE) + 1) * MINUTE;
  return { from: to - 7 * DAY, to };
}

/** The longest range with an instant at its end. Nothing was before 1970, in any zone. */
export function longestTo(at: number): Span {
  return { from: Math.max(at - LONGEST, 2 * DAY), to: at + 1 };
}

/** A bucket that gives a chart some 60 to 200 points and that is still kept for a range. */
export function bucketFor(span: Span, now: number): Bucket {
  const length = span.to - span.from;
  const isFine = now - span.from <= FINE;
  if (isFine && length <= 2 * HOUR) return "1m";
  if (isFine && length <= 12 * HOUR) return "5m";
  if (length <= 36 * HOUR) return "15m";
  return length <= 8 * DAY ? "1h" : "1d";
}

/** Seconds in a bucket; a day is one of most days. */
export const SECONDS: Record<Bucket, number> = { "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": 86_400 };

/** Milliseconds since the epoch at which the day of an instant began in a zone. */
export function startOfDay(at: number, zone: string): number {
  const wall = wallClock(at, zone);
  let start = at - (at - Math.floor(at / 1000) * 1000) - wall.seconds * 1000;
  // A clock that was changed since midnight leaves it off by that much.
  const off = wallClock(start, zone).seconds;
  if (off > 0) start += off > 43_200 ? (86_400 - off) * 1000 : -off * 1000;
  return start;
}

/** Seconds since midnight by the clock of a zone. */
function wallClock(at: number, zone: string): { seconds: number } {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).formatToParts(at);
  const get = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return { seconds: get("hour") * 3_600 + get("minute") * 60 + get("second") };
}

/** Today so far, and the same hours of the day before and a week before. */
export function sameHours(now: number, zone: string): { today: Span; yesterday: Span; lastWeek: Span } {
  const today = { from: startOfDay(now, zone), to: now };
  const back = (days: number): Span => {
    // Noon of that day is far from any change of clocks.
    const from = startOfDay(today.from + DAY / 2 - days * DAY, zone);
    return { from, to: from + (today.to - today.from) };
  };
  return { today, yesterday: back(1), lastWeek: back(7) };
}
