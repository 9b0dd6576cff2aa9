// Axes that charts have in common.

import uPlot from "uplot";

import type { Bucket } from "../api/types.ts";
import { date, type Shape, short } from "../lib/format.ts";
import type { Ink } from "./ink.ts";

const FONT = "11px InterVariable, system-ui, sans-serif";

/** Time from left to right, by the clock of a zone. */
export function timeAxis(inks: Ink, zone: string, bucket: Bucket | "1s"): uPlot.Axis {
  const shape = (step: number): Shape => (step >= 86_400 ? "day" : bucket === "1s" ? "clock" : "time");
  return {
    stroke: inks.faint,
    font: FONT,
    size: 28,
    gap: 6,
    space: bucket === "1s" ? 90 : 70,
    grid: { show: false },
    ticks: { show: false },
    values: (_, splits, __, ___, step) => {
      const isLong = (splits.at(-1) ?? 0) - (splits[0] ?? 0) > 86_400;
      // A year is told once, and where it is another one.
      let told = Date.now();
      return splits.map((at) => {
        // Beginnings of days tell which day it is.
        if (step < 86_400 && !(isLong && isMidnight(at, zone))) return date(at * 1_000, zone, shape(step));
        const text = date(at * 1_000, zone, "day", told);
        told = at * 1_000;
        return text;
      });
    },
  };
}

const isMidnight = (at: number, zone: string) => {
  const wall = uPlot.tzDate(new Date(at * 1_000), zone);
  return wall.getHours() === 0 && wall.getMinutes() === 0;
};

/** Steps between counts: whole ones. */
const WHOLE = Array.from({ length: 40 }, (_, step) => ([1, 2, 5][step % 3] ?? 1) * 10 ** Math.floor(step / 3));

/** Counts from bottom to top. */
export const countAxis = (inks: Ink): uPlot.Axis => ({ ...valueAxis(inks), incrs: WHOLE });

/** Values from bottom to top. */
export function valueAxis(inks: Ink, say: (value: number) => string = short): uPlot.Axis {
  return {
    stroke: inks.faint,
    font: FONT,
    size: (_, values) => 14 + 6.5 * Math.max(2, ...(values ?? []).map((value) => value.length)),
    gap: 6,
    grid: { stroke: inks.grid, width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => (value === null ? "" : say(value))),
  };
}

/** From nothing to a little above the highest. */
export const fromZero: uPlot.Range.Function = (_, __, max) => [0, max > 0 ? max * 1.08 : 1];

export const inZone = (zone: string) => (at: number) => uPlot.tzDate(new Date(at * 1_000), zone);
