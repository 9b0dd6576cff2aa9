// Single events as one CSV file, page by page.

import { at, fetched } from "../api/http.ts";

/** Rows in a file: a browser has to hold them. */
export const MOST_ROWS = 100_000;
const PAGE = 1_000;

export interface Download {
  blob: Blob;
  rows: number;
  /** Whether there would have been more. */
  isCut: boolean;
}

type Query = Record<string, string | undefined>;

/** Reads pages until there are none. `told` hears how many rows there are so far. */
export async function downloadCsv(query: Query, told: (rows: number) => void, signal: AbortSignal): Promise<Download> {
  const parts: string[] = [];
  let rows = 0;
  let cursor: string | null = null;
  do {
    const path: string = at("/api/logs", { ...query, limit: PAGE, cursor });
    const answer: Response = await fetched(path, { headers: { Accept: "text/csv" }, signal });
    const page = await answer.text();
    const { head, body, count } = split(page);
    parts.push(parts.length === 0 ? head + body : body);
    rows += count;
    told(rows);
    cursor = answer.headers.get("X-Next-Cursor");
  } while (cursor && rows < MOST_ROWS);
  return { blob: new Blob(parts, { type: "text/csv" }), rows, isCut: cursor !== null };
}

/** The line of names, the rest, and how many rows that is: line breaks within quotes end none. */
export function split(page: string): { head: string; body: string; count: number } {
  let quoted = false;
  let end = -1;
  let lines = 0;
  for (let place = 0; place < page.length; place++) {
    const letter = page[place];
    if (letter === '"') quoted = !quoted;
    if (letter !== "\n" || quoted) continue;
    lines++;
    if (end < 0) end = place + 1;
  }
  if (page.length > 0 && !page.endsWith("\n")) lines++;
  if (end < 0) end = page.length;
  return { head: page.slice(0, end), body: page.slice(end), count: Math.max(0, lines - 1) };
}

/** Hands a file to the reader. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
