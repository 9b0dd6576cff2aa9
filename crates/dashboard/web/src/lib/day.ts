// Today so far beside the same hours of other days.

import { at, get, now } from "../api/http.ts";
import type { Point, Series } from "../api/types.ts";
import { type Asked, useAsk } from "./hooks.ts";
import { sameHours, type Span } from "./range.ts";

const DAY = 86_400_000;
const QUARTER = 900_000;

export interface Day {
  today: Point[];
  yesterday: Point[];
  lastWeek: Point[];
  /** Calls today, and by this time on the other days. */
  soFar: { today: number; yesterday: number; lastWeek: number; errors: number };
}

/** Of everybody or of one client. Asked anew when `hint` changes, and every half minute. */
export function useDay(zone: string, clientId: string | undefined, hint: number): Asked<Day> {
  return useAsk(async (signal) => {
    const spans = sameHours(now(), zone);
    const ask = (span: Span) => get<Series>(at("/api/usage/series", {
      from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), bucket: "15m", timezone: zone, clientId,
    }), signal).then((series) => series.series[0]?.points ?? []);
    const whole = (span: Span) => ask({ from: span.from, to: span.from + DAY });
    const [today, yesterday, lastWeek] = await Promise.all([ask(spans.today), whole(spans.yesterday), whole(spans.lastWeek)]);
    const elapsed = spans.today.to - spans.today.from;
    const sum = (points: Point[]) => Math.round(until(points, elapsed));
    return {
      today, yesterday, lastWeek,
      soFar: {
        today: today.reduce((all, point) => all + point.requestCount, 0),
        yesterday: sum(yesterday),
        lastWeek: sum(lastWeek),
        errors: today.reduce((all, point) => all + point.errorCount, 0),
      },
    };
  }, `day ${zone} ${clientId ?? ""}`, 30_000, hint);
}

/** Calls in the first so many milliseconds of quarter hours; of the last one a part. */
export function until(points: Point[], elapsed: number): number {
  const full = Math.floor(elapsed / QUARTER);
  const part = (elapsed % QUARTER) / QUARTER;
  const whole = points.slice(0, full).reduce((all, point) => all + point.requestCount, 0);
  return whole + (points[full]?.requestCount ?? 0) * part;
}
