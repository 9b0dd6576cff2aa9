// What a page and a process hold.

import { readFileSync } from "node:fs";

import type { CDPSession } from "playwright-core";

export interface Held {
  /** Bytes of JavaScript that are still used after a collection. */
  heap: number;
  nodes: number;
  listeners: number;
}

/** Collections of one look. The page's own clocks tick in between, and only add: the smallest is nearest. */
const ROUNDS = 6;

/** What a page holds when all that can be freed is freed. */
export async function held(session: CDPSession): Promise<Held> {
  const looks: Held[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
    looks.push({ heap: usedSize, nodes, listeners: jsEventListeners });
  }
  const least = (of: keyof Held) => Math.min(...looks.map((look) => look[of]));
  return { heap: least("heap"), nodes: least("nodes"), listeners: least("listeners") };
}

/** Bytes of a process that are in memory, with its share of what others have too; 0 of one that is gone. */
export function resident(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
