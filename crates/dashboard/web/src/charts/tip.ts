// What stands under the pointer, beside it.

import type uPlot from "uplot";

export interface Tip {
  title: string;
  lines: { label: string; value: string; colour: string | null }[];
}

/** A plugin that shows what `describe` says of a point. */
export function tip(describe: (index: number) => Tip | null): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "tip";
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
        plot.over.addEventListener("mouseleave", () => (box.hidden = true));
      },
      setCursor: (plot) => {
        const { left = -1, idx } = plot.cursor;
        const said = left < 0 || idx === null || idx === undefined ? null : describe(idx);
        box.hidden = !said;
        if (!said) return;
        box.replaceChildren(...content(said));
        const width = box.offsetWidth;
        const room = plot.over.clientWidth;
        const x = left + 14 + width > room ? Math.max(0, left - 14 - width) : left + 14;
        box.style.transform = `translate(${x}px, 4px)`;
      },
    },
  };
}

function content(said: Tip): HTMLElement[] {
  const title = document.createElement("strong");
  title.textContent = said.title;
  const lines = said.lines.map((line) => {
    const row = document.createElement("span");
    const dot = document.createElement("i");
    if (line.colour) dot.style.background = line.colour;
    const label = document.createElement("span");
    label.textContent = line.label;
    const value = document.createElement("b");
    value.textContent = line.value;
    row.append(dot, label, value);
    return row;
  });
  return [title, ...lines];
}
