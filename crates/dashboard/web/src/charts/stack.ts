// Series by status class, one upon the other.

import type { Series } from "../api/types.ts";

/** From the bottom to the top: what is wrong lies on top, where it is seen. */
export const ORDER = ["2xx", "3xx", "1xx", "unknown", "4xx", "5xx"];

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
