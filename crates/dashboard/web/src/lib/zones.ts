// Time zones by their IANA names.

export const localZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The zone of a parameter, or the reader's own. */
export function readZone(text: string | null): string {
  return text && isZone(text) ? text : localZone();
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    // Offsets such as +02:00 are zones to a browser, but have no name.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

/** All that the browser knows, with UTC and the reader's own first. */
export function zones(): string[] {
  const first = [...new Set([localZone(), "UTC"])];
  const all = Intl.supportedValuesOf("timeZone").filter((name) => !first.includes(name));
  return [...first, ...all];
}
