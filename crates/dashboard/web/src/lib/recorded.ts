// What was recorded at all, however long ago.

import { at, get, now } from "../api/http.ts";
import type { Daily, LogPage, Series } from "../api/types.ts";
import { type Asked, useAsk } from "./hooks.ts";
import { longestTo, type Span } from "./range.ts";

/** When the newest call was, in milliseconds since the epoch; null if there is none. Of one client, or of all that the reader may see. */
export async function newest(clientId: string | undefined, signal?: AbortSignal): Promise<number | null> {
  const page = await get<LogPage>(at("/api/logs", { limit: 1, clientId }), signal);
  const [call] = page.data;
  if (call) return Date.parse(call.timestamp);
  // Counts are kept for longer than calls.
  const daily = await get<Daily>(at("/api/usage/daily", { days: LONGEST_DAYS, limit: 1, clientId }), signal);
  const [day] = daily.data;
  return day ? Math.min(Date.parse(`${day.date}T23:59:59Z`), now()) : null;
}

/** From the first day with calls to the last, or the 27 years before the end of that; null if there are none. */
export async function everything(zone: string, clientId?: string): Promise<Span | null> {
  const last = await newest(clientId);
  if (last === null) return null;
  const { from, to } = longestTo(last);
  const series = await get<Series>(at("/api/usage/series", {
    from: new Date(from).toISOString(), to: new Date(to).toISOString(), bucket: "1d", timezone: zone, clientId,
  }));
  return extent(series, now());
}

/** From the first point with calls to the end of a series, but not beyond now; null without calls. */
export function extent(series: Series, now: number): Span | null {
  const first = series.series[0]?.points.find((point) => point.requestCount > 0);
  return first ? { from: Date.parse(first.at), to: Math.min(Date.parse(series.to), now) } : null;
}

export interface Newest {
  at: number | null;
}

export const useNewest = (clientId?: string): Asked<Newest> =>
  useAsk(async (signal) => ({ at: await newest(clientId, signal) }), `newest ${clientId ?? ""}`);

/** As many as a question by day may have. */
const LONGEST_DAYS = 3_650;
