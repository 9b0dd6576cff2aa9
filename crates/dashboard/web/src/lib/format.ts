// Numbers and times as the reader's language writes them.

const LOCALE = typeof navigator === "undefined" ? "en" : (navigator.languages[0] ?? "en");

const formatter = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(LOCALE, options);
const WHOLE = formatter({ maximumFractionDigits: 0 });
const COMPACT = formatter({ notation: "compact", maximumFractionDigits: 1 });
const PERCENT = formatter({ style: "percent", maximumFractionDigits: 1 });
const FINE_PERCENT = formatter({ style: "percent", maximumFractionDigits: 2 });
const CHANGE = formatter({ style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" });

export const NONE = "–";

export const count = (n: number): string => WHOLE.format(n);

/** Short, from ten thousand on. */
export const short = (n: number): string => (Math.abs(n) < 10_000 ? WHOLE.format(n) : COMPACT.format(n));

export const share = (n: number | null): string =>
  n === null ? NONE : (n > 0 && n < 0.01 ? FINE_PERCENT : PERCENT).format(n);

/** By how much something grew; from tenfold on, how many times as much it is. */
export const change = (now: number, before: number): string =>
  now / before < 10 ? CHANGE.format(now / before - 1) : `${WHOLE.format(now / before)}×`;

/** Calls per second. */
export function rate(n: number): string {
  const digits = n === 0 || n >= 100 ? 0 : n >= 10 ? 1 : 2;
  return formatter({ maximumFractionDigits: digits }).format(n);
}

/** Calls per second, minute or hour, whichever says something. */
export function pace(perSecond: number): string {
  if (perSecond >= 1 || perSecond === 0) return `${rate(perSecond)} a second`;
  return perSecond * 60 >= 1 ? `${rate(perSecond * 60)} a minute` : `${rate(perSecond * 3_600)} an hour`;
}

/** A time in milliseconds, as value and unit. */
export function latency(millis: number | null | undefined): string {
  if (millis === null || millis === undefined) return NONE;
  if (millis >= 1_000) return `${formatter({ maximumFractionDigits: millis >= 10_000 ? 1 : 2 }).format(millis / 1000)} s`;
  const digits = millis >= 100 ? 0 : millis >= 10 ? 1 : 2;
  return `${formatter({ maximumFractionDigits: digits }).format(millis)} ms`;
}

export function bytes(n: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3));
  return formatter({ style: "unit", unit: units[step] ?? "byte", unitDisplay: "short", maximumFractionDigits: 1 })
    .format(n / 1000 ** step);
}

/** Formatters of dates are dear, and asked for in loops. */
const DATES = new Map<string, Intl.DateTimeFormat>();

export type Shape = "moment" | "time" | "clock" | "stamp" | "day" | "dayTime" | "full" | "weekday";

const SHAPES: Record<Shape, Intl.DateTimeFormatOptions> = {
  moment: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  stamp: { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 },
  day: { month: "short", day: "numeric" },
  dayTime: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  weekday: { weekday: "short", month: "short", day: "numeric" },
  full: { dateStyle: "medium", timeStyle: "medium" },
};

/** Days of other years say which. */
export function date(at: number | string | null, zone: string, shape: Shape, now = Date.now()): string {
  if (at === null) return NONE;
  const millis = typeof at === "string" ? Date.parse(at) : at;
  if (Number.isNaN(millis)) return NONE;
  const shown = SHAPES[shape];
  if (!shown.day) return dates(shape, zone, shown).format(millis);
  const year = dates("year", zone, { year: "numeric" });
  if (year.format(millis) === year.format(now)) return dates(shape, zone, shown).format(millis);
  return dates(`${shape} of a year`, zone, { ...shown, year: "numeric" }).format(millis);
}

function dates(name: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${name} ${zone}`;
  let format = DATES.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: zone });
    DATES.set(key, format);
  }
  return format;
}

const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1],
];

/** Such as "3 minutes ago" or "in 2 hours". */
export function ago(at: string | number | null, now: number): string {
  if (at === null) return "never";
  const seconds = Math.round(((typeof at === "string" ? Date.parse(at) : at) - now) / 1000);
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return RELATIVE.format(Math.round(seconds / length), unit);
}

/** A length of time, such as "1 h" or "90 s". */
export function duration(seconds: number): string {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]] as const;
  const [unit, length] = units.find(([, length]) => seconds >= length && seconds % length === 0) ?? (["second", 1] as const);
  return formatter({ style: "unit", unit, unitDisplay: "short" }).format(seconds / length);
}
