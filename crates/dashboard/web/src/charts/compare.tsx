// Today beside yesterday and the same day a week ago.

import type uPlot from "uplot";

import type { Point } from "../api/types.ts";
import { count, date } from "../lib/format.ts";
import { countAxis, fromZero } from "./axes.ts";
import { type Ink, thin } from "./ink.ts";
import { Numbers } from "./numbers.tsx";
import { Plot } from "./plot.tsx";
import type { Tip } from "./tip.ts";

const QUARTER = 900;

interface Props {
  today: Point[];
  yesterday: Point[];
  lastWeek: Point[];
  height?: number;
}

/** Quarter hours of a day put together to hours, of which the last one may not be over. */
function hours(points: Point[], isOver: boolean): (number | null)[] {
  const sums: (number | null)[] = Array.from({ length: 24 }, () => null);
  points.forEach((point, index) => {
    const hour = Math.min(23, Math.floor((index * QUARTER) / 3_600));
    sums[hour] = (sums[hour] ?? 0) + point.requestCount;
  });
  const last = Math.floor(((points.length - 1) * QUARTER) / 3_600);
  // An hour that has only begun would look like a fall.
  if (!isOver && last > 0 && last < 24) sums[last] = null;
  return sums;
}

export function CompareChart({ today, yesterday, lastWeek, height = 200 }: Props) {
  const at = Array.from({ length: 24 }, (_, hour) => hour);
  const lines = [hours(today, false), hours(yesterday, true), hours(lastWeek, true)];
  const names = ["Today", "Yesterday", "A week ago"];
  const clock = (hour: number) => date(hour * 3_600_000, "UTC", "time");
  const say = (value: number | null | undefined) => (value === null || value === undefined ? "–" : count(value));
  const draw = (inks: Ink) => ({
    scales: { x: { time: false }, y: { range: fromZero } },
    axes: [
      { stroke: inks.faint, font: "11px InterVariable, system-ui, sans-serif", size: 28, gap: 6, grid: { show: false }, ticks: { show: false },
        values: (_: uPlot, splits: number[]) => splits.map(clock), incrs: [3, 6], space: 44 },
      countAxis(inks),
    ],
    series: [{},
      { label: "Today", stroke: inks.accent, width: 2.5, fill: thin(inks.accent, 0.14), points: { show: false } },
      { label: "Yesterday", stroke: inks.muted, width: 1.5, points: { show: false } },
      { label: "A week ago", stroke: inks.muted, width: 1.5, dash: [4, 4], points: { show: false } },
    ],
  });
  const describe = (index: number, inks: Ink): Tip => ({
    title: `${clock(index)} – ${clock(index + 1)}`,
    lines: names.map((label, place) => ({
      label, value: say(lines[place]?.[index]), colour: place === 0 ? inks.accent : inks.muted,
    })),
  });
  const sum = (line: (number | null)[] = []) => line.reduce<number>((total, value) => total + (value ?? 0), 0);
  return (
    <>
      <ul class="legend">
        <li data-line="today"><i aria-hidden="true" />Today</li>
        <li data-line="yesterday"><i aria-hidden="true" />Yesterday</li>
        <li data-line="week"><i aria-hidden="true" />A week ago</li>
      </ul>
      <Plot data={[at, ...lines] as uPlot.AlignedData} draw={draw} describe={describe} shape="day" height={height}
        label={`Calls by hour: today ${count(sum(lines[0]))} in whole hours, yesterday ${count(sum(lines[1]))}, a week ago ${count(sum(lines[2]))}`} />
      <Numbers caption="Calls by hour" head={["Hour", ...names]}
        rows={() => at.map((hour) => [clock(hour), ...lines.map((line) => say(line[hour]))])} />
    </>
  );
}
