// How fast: p50, p95 and p99 over time, with what lies between filled.

import { useMemo } from "preact/hooks";
import uPlot from "uplot";

import type { Series } from "../api/types.ts";
import { date, latency } from "../lib/format.ts";
import { SECONDS, type Span } from "../lib/range.ts";
import { inZone, timeAxis, valueAxis } from "./axes.ts";
import { type Ink, thin } from "./ink.ts";
import { Numbers } from "./numbers.tsx";
import { Plot } from "./plot.tsx";
import { Legend } from "./traffic.tsx";
import type { Tip } from "./tip.ts";

interface Props {
  series: Series;
  zone: string;
  height?: number;
  onSelect?: (span: Span) => void;
}

const LINES = ["p50", "p95", "p99"] as const;

/** A logarithm has no place for nothing. */
const LEAST = 0.01;
const atLeast = (millis: number | null) => (millis === null ? null : Math.max(LEAST, millis));

/** From a little below the lowest to a little above the highest. */
const decades: uPlot.Range.Function = (_, min, max) =>
  min > 0 && max > 0 ? [min / 1.25, Math.max(max, min * 3) * 1.25] : [1, 1_000];

/** Lines at powers of ten, and where these are few, between them. */
function decadesAxis(inks: Ink): uPlot.Axis {
  const splits = (_: uPlot, __: number, min: number, max: number) => {
    const leads = max / min < 200 ? [1, 2, 5] : [1];
    const found: number[] = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power++) {
      found.push(...leads.map((lead) => lead * 10 ** power).filter((value) => value >= min && value <= max));
    }
    return found;
  };
  const all = (_: uPlot, found: number[]) => found;
  const axis = valueAxis(inks, latency);
  return { ...axis, splits, filter: all, grid: { ...axis.grid, filter: all } };
}

export function LatencyChart({ series, zone, height = 220, onSelect }: Props) {
  const points = series.series[0]?.points ?? [];
  const data = useMemo(
    () => [points.map((point) => Date.parse(point.at) / 1_000), ...LINES.map((name) => points.map((point) => atLeast(point[name])))] as uPlot.AlignedData,
    [series],
  );
  const step = SECONDS[series.bucket];
  const when = (index: number) => date(points[index]?.at ?? null, zone, series.bucket === "1d" ? "weekday" : "dayTime");
  const draw = (inks: Ink) => ({
    tzDate: inZone(zone),
    scales: { x: { range: (_: uPlot, min: number, max: number): [number, number] => [min, max + step] }, y: { distr: 3, log: 10, range: decades } satisfies uPlot.Scale },
    axes: [timeAxis(inks, zone, series.bucket), decadesAxis(inks)],
    series: [{}, ...LINES.map((name): uPlot.Series => ({
      label: name, stroke: inks[name], width: name === "p50" ? 2 : 1.5, points: { size: 4, fill: inks[name] },
    }))],
    bands: [
      { series: [2, 1] as [number, number], fill: thin(inks.p95, 0.22) },
      { series: [3, 2] as [number, number], fill: thin(inks.p99, 0.14) },
    ],
  });
  const describe = (index: number, inks: Ink): Tip => ({
    title: when(index),
    lines: LINES.map((name) => ({ label: name, value: latency(points[index]?.[name]), colour: inks[name] })).toReversed(),
  });
  const highest = Math.max(0, ...points.map((point) => point.p99 ?? 0));
  const select = onSelect && ((from: number, to: number) => onSelect({ from: from * 1_000, to: to * 1_000 }));
  const shape = [zone, series.bucket].join();
  return (
    <>
      <Legend names={[...LINES]} />
      <Plot data={data} draw={draw} describe={describe} shape={shape} height={height}
        label={`Latency over time: the highest p99 is ${latency(highest)}`} {...(select && { onSelect: select })} />
      <Numbers caption="Latency" head={["From", ...LINES, "mean"]}
        rows={() => points.map((point, index) => [when(index), ...LINES.map((name) => latency(point[name])), latency(point.avgResponseTime)])} />
    </>
  );
}
