// Series by status class, one upon the other.

import type { Point, Series } from "../api/types.ts";

/** From the bottom to the top: what is wrong lies on top, where it is seen. */
export const ORDER = ["2xx", "good", "3xx", "1xx", "unknown", "4xx", "5xx", "errors"];

export interface Stack {
  /** Seconds since the epoch. */
  at: number[];
  /** Classes that occur, from the bottom to the top. */
  groups: string[];
  /** Counts by class and bucket. */
  values: number[][];
  /** Sums up to and including each class. */
  sums: number[][];
}

/** A series that is not told apart by status, by whether calls were good. */
export function byOutcome(series: Series): Series {
  const points = series.series[0]?.points ?? [];
  const only = (part: (point: Point) => number) => points.map((point) => ({ ...point, requestCount: part(point) }));
  return {
    ...series,
    series: [
      { group: "good", points: only((point) => point.requestCount - point.errorCount) },
      { group: "errors", points: only((point) => point.errorCount) },
    ],
  };
}

export function stack(series: Series): Stack {
  const at = (series.series[0]?.points ?? []).map((point) => Date.parse(point.at) / 1_000);
  const place = (group: string | null) => ORDER.indexOf(group ?? "2xx");
  const present = series.series
    .filter(({ points }) => points.some((point) => point.requestCount > 0))
    .sort((one, other) => place(one.group) - place(other.group));
  const values = present.map(({ points }) => points.map((point) => point.requestCount));
  const sums: number[][] = [];
  for (const row of values) {
    const below = sums.at(-1);
    sums.push(row.map((value, index) => value + (below?.[index] ?? 0)));
  }
  return { at, groups: present.map(({ group }) => group ?? "all"), values, sums };
}
