// Calls over time by status class, as bars.

import { useMemo } from "preact/hooks";
import uPlot from "uplot";

import type { Series } from "../api/types.ts";
import { count, date } from "../lib/format.ts";
import { SECONDS, type Span } from "../lib/range.ts";
import { countAxis, fromZero, inZone, timeAxis } from "./axes.ts";
import { classInk, type Ink } from "./ink.ts";
import { Numbers } from "./numbers.tsx";
import { Plot } from "./plot.tsx";
import { stack } from "./stack.ts";
import type { Tip } from "./tip.ts";

interface Props {
  series: Series;
  zone: string;
  height?: number;
  onSelect?: (span: Span) => void;
}

export function TrafficChart({ series, zone, height = 260, onSelect }: Props) {
  const stacked = useMemo(() => stack(series), [series]);
  const { at, groups, values, sums } = stacked;
  const total = sums.at(-1)?.reduce((sum, value) => sum + value, 0) ?? 0;
  // The highest is drawn first, and lower ones over it; what is not there would shine through the edges of bars.
  const drawn = sums.map((row, place) => row.map((sum, index) => (values[place]?.[index] ? sum : null)));
  const data = [at, ...drawn.toReversed()] as uPlot.AlignedData;
  const names = groups.toReversed();
  const step = SECONDS[series.bucket];
  const when = (index: number) => date((at[index] ?? 0) * 1_000, zone, series.bucket === "1d" ? "weekday" : "dayTime");

  const draw = (inks: Ink) => ({
    tzDate: inZone(zone),
    scales: { x: { range: (_: uPlot, min: number, max: number): [number, number] => [min, max + step] }, y: { range: fromZero } },
    axes: [timeAxis(inks, zone, series.bucket), countAxis(inks)],
    series: [{}, ...names.map((name): uPlot.Series => ({
      label: name,
      fill: classInk(name, inks),
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars!({ size: [0.86, 48], align: 1, radius: 0 }),
    }))],
  });
  const describe = (index: number, inks: Ink): Tip => ({
    title: when(index),
    lines: groups.map((name, place) => ({
      label: name, value: count(values[place]?.[index] ?? 0), colour: classInk(name, inks),
    })).toReversed(),
  });
  const select = onSelect && ((from: number, to: number) => onSelect({ from: from * 1_000, to: to * 1_000 }));
  const shape = [zone, series.bucket, names.join()].join();
  return (
    <>
      <Legend names={groups} />
      <Plot data={data} draw={draw} describe={describe} shape={shape} height={height}
        label={`Calls over time by status class: ${count(total)} in all`} {...(select && { onSelect: select })} />
      <Numbers caption="Calls by status class" head={["From", ...groups]}
        rows={() => at.map((_, index) => [when(index), ...groups.map((_, place) => count(values[place]?.[index] ?? 0))])} />
    </>
  );
}

export function Legend({ names }: { names: string[] }) {
  return (
    <ul class="legend">
      {names.map((name) => <li key={name} data-class={name}><i aria-hidden="true" />{name}</li>)}
    </ul>
  );
}
