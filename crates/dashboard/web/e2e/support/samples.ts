// What a soak has seen, as a table, and whether memory was flat.

import type { Held } from "./memory.ts";
import type { Pace } from "./pace.ts";

export interface Sample {
  seconds: number;
  pages: (Held & { name: string; pace: Pace })[];
  /** Calls that were sent, and those that the page knows of. */
  sent: number;
  told: number;
  /** Bytes in memory. */
  renderers: number;
  server: number;
}

/**
 * How much more than in the middle third there may be in the last. What is kept is bounded, and its size differs by the
 * calls that are in it: a few percent of some megabytes. One byte kept of each call would be more within minutes.
 */
const MORE = 0.05;

const WHAT = ["heap", "nodes", "listeners"] as const;

/** What grew that should not. */
export function verdict(samples: Sample[]): string[] {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return ["there are too few samples to tell"];
  const [middle, last] = [samples.slice(-2 * third, -third), samples.slice(-third)];
  const wrong: string[] = [];
  for (const [place, { name }] of (samples[0]?.pages ?? []).entries()) {
    for (const what of WHAT) {
      // What happens at the moment only adds to what is kept: the least of a third is nearest to it.
      const least = (some: Sample[]) => Math.min(...some.map(({ pages }) => pages[place]?.[what] ?? 0));
      const [before, after] = [least(middle), least(last)];
      if (after > before * (1 + MORE)) wrong.push(`${what} of the page that ${name} went from ${before} to ${after}`);
    }
  }
  return wrong;
}

const HEAD = ["min", "page", "heap MB", "nodes", "listeners", "frames/s", "> 50 ms", "longest", "task", "blocked", "sent", "told", "renderers MB", "server MB"];

/** A row for each page of each sample. */
export function table(samples: Sample[], withHead: boolean): string {
  const rows = samples.flatMap((sample) =>
    sample.pages.map((page) => {
      const { pace } = page;
      return [
        (sample.seconds / 60).toFixed(1), page.name, megabytes(page.heap, 2), page.nodes, page.listeners,
        (pace.frames / pace.seconds).toFixed(1), `${((pace.slow / Math.max(1, pace.frames)) * 100).toFixed(1)}%`,
        `${Math.round(pace.longestFrame)} ms`, `${Math.round(pace.longestTask)} ms`, `${Math.round(pace.blocked / pace.seconds / 10)}%`,
        sample.sent, sample.told, megabytes(sample.renderers), megabytes(sample.server),
      ].map(String);
    }),
  );
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = (withHead ? all : rows).map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
  return lines.join("\n");
}

const megabytes = (n: number, digits = 0) => (n / 1_000_000).toFixed(digits);
