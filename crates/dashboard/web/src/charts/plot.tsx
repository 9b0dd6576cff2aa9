// uPlot in a component: made anew when its shape or the theme changes, fed otherwise.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { useTheme } from "../lib/theme.ts";
import { type Ink, ink } from "./ink.ts";
import { type Tip, tip } from "./tip.ts";

export type Drawing = Omit<uPlot.Options, "width" | "height">;

interface Props {
  data: uPlot.AlignedData;
  /** What is drawn. It is asked anew when `shape` changes. */
  draw: (inks: Ink) => Drawing;
  shape: string;
  /** What is at a point, for the pointer. */
  describe: (index: number, inks: Ink) => Tip | null;
  height: number;
  /** What the chart says, for those who do not see it. */
  label: string;
  /** A range that was dragged, in seconds. */
  onSelect?: (from: number, to: number) => void;
}

export function Plot({ data, draw, shape, describe, height, label, onSelect }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { theme } = useTheme();
  const select = useRef(onSelect);
  select.current = onSelect;
  const say = useRef(describe);
  say.current = describe;
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const inks = ink();
    const drawing = draw(inks);
    const made = new uPlot(
      {
        legend: { show: false },
        // To the right there is room for half of a label.
        padding: [10, 18, 0, 0],
        ...drawing,
        plugins: [tip((index) => say.current(index, inks))],
        width: Math.max(80, element.clientWidth),
        height,
        cursor: { points: { show: false }, ...drawing.cursor, drag: { x: !!select.current, y: false, setScale: false } },
        hooks: {
          ...drawing.hooks,
          setSelect: [(u) => {
            if (u.select.width < 6) return;
            select.current?.(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }],
        },
      },
      latest.current,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(80, element.clientWidth), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme, height]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div class="plot" role="img" aria-label={label} ref={place} style={{ minHeight: `${height}px` }} />;
}
