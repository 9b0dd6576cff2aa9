// The last two minutes, second by second.

import uPlot from "uplot";

import { count, date, rate } from "../lib/format.ts";
import type { Pulse } from "../lib/pulse.ts";
import { countAxis, fromZero, inZone, timeAxis } from "./axes.ts";
import type { Ink } from "./ink.ts";
import { Plot } from "./plot.tsx";
import { Legend } from "./traffic.tsx";
import type { Tip } from "./tip.ts";

interface Props {
  pulse: Pulse;
  now: number;
  zone: string;
  height?: number;
}

export function LiveChart({ pulse, now, zone, height = 200 }: Props) {
  const { at, good, bad } = pulse.seconds(now);
  const all = good.map((value, index) => value + (bad[index] ?? 0));
  // Where there is nothing wrong, nothing red shines through the edges of bars.
  const wrong = all.map((value, index) => (bad[index] ? value : null));
  const draw = (inks: Ink) => ({
    tzDate: inZone(zone),
    scales: { x: { range: (_: uPlot, min: number, max: number): [number, number] => [min - 0.6, max + 0.6] }, y: { range: fromZero } },
    axes: [timeAxis(inks, zone, "1s"), countAxis(inks)],
    series: [{}, bars("errors", inks.server), bars("calls", inks.good)],
  });
  const describe = (index: number, inks: Ink): Tip => ({
    title: date((at[index] ?? 0) * 1_000, zone, "clock"),
    lines: [
      { label: "errors", value: count(bad[index] ?? 0), colour: inks.server },
      { label: "good", value: count(good[index] ?? 0), colour: inks.good },
    ],
  });
  const mean = all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length);
  return (
    <>
      <Legend names={["good", "errors"]} />
      <Plot data={[at, wrong, good]} draw={draw} describe={describe} shape={zone} height={height}
        label={`Calls each second of the last two minutes: ${rate(mean)} a second on average`} />
    </>
  );
}

const bars = (label: string, colour: string): uPlot.Series => ({
  label, fill: colour, width: 0, points: { show: false }, paths: uPlot.paths.bars!({ size: [0.74, 12], radius: 0.3 }),
});
