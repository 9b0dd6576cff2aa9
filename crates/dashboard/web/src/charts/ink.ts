// The colours of charts, from the style sheet.

export interface Ink {
  text: string;
  faint: string;
  grid: string;
  accent: string;
  muted: string;
  good: string;
  moved: string;
  client: string;
  server: string;
  info: string;
  p50: string;
  p95: string;
  p99: string;
}

const NAMES: (keyof Ink)[] = [
  "text", "faint", "grid", "accent", "muted", "good", "moved", "client", "server", "info", "p50", "p95", "p99",
];

/** Reads them; call it anew when the theme has changed. */
export function ink(): Ink {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(NAMES.map((name) => [name, read(name)])) as unknown as Ink;
}

/** The same colour, let through by so much (0 to 1). All are written as #rrggbb. */
export const thin = (colour: string, alpha: number): string =>
  colour + Math.round(alpha * 255).toString(16).padStart(2, "0");

/** The colour of a status class. */
export function classInk(group: string, inks: Ink): string {
  const of: Record<string, string> = {
    "1xx": inks.info, "2xx": inks.good, "3xx": inks.moved, "4xx": inks.client, "5xx": inks.server,
    good: inks.good, errors: inks.server,
  };
  return of[group] ?? inks.muted;
}
