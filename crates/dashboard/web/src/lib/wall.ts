// Instants as clocks of a zone show them, and back, for fields of dates and times.

/** Formatters of dates are dear. */
const CLOCKS = new Map<string, Intl.DateTimeFormat>();

function clock(zone: string): Intl.DateTimeFormat {
  let found = CLOCKS.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    });
    CLOCKS.set(zone, found);
  }
  return found;
}

/** As a field takes it, to the minute: `2015-05-20T23:59`. */
export function toWall(at: number, zone: string): string {
  const parts = new Map(clock(zone).formatToParts(at).map(({ type, value }) => [type, value]));
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "00";
  return `${get("year").padStart(4, "0")}-${get("month")}-${get("day")}T${get("hour")}:${get("minute")}`;
}

/**
 * The instant at which clocks of a zone show this; of two the first, and where they leave it out, as if they had not been
 * changed yet. Not a number for what is no time.
 */
export function fromWall(text: string, zone: string): number {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return NaN;
  const offset = (at: number) => Date.parse(`${toWall(at, zone)}Z`) - Math.floor(at / 60_000) * 60_000;
  const before = asUtc - offset(asUtc - DAY);
  const after = asUtc - offset(asUtc + DAY);
  const fitting = [before, after].filter((at) => toWall(at, zone) === text.slice(0, 16));
  return fitting.length > 0 ? Math.min(...fitting) : before;
}

const DAY = 86_400_000;
