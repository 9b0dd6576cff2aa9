// Where the reader is: a path and a query, which hold everything that a bookmark should keep.

import { useEffect, useState } from "preact/hooks";

export interface Place {
  path: string;
  query: URLSearchParams;
}

/** Kept from view to view; the rest belongs to one view. */
const SHARED = ["range", "from", "to", "tz"];

const listeners = new Set<() => void>();

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

const tell = () => listeners.forEach((listener) => listener());

if (typeof window !== "undefined") window.addEventListener("popstate", tell);

/** The address of a path, with what is kept of the present query and with changes; null takes a parameter away. */
export function href(path: string, changes: Record<string, string | null> = {}): string {
  const now = here();
  const query = new URLSearchParams();
  for (const [name, value] of now.query) {
    if (path === now.path || SHARED.includes(name)) query.set(name, value);
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function go(to: string): void {
  const moves = new URL(to, location.href).pathname !== location.pathname;
  history.pushState(null, "", to);
  if (moves) window.scrollTo(0, 0);
  tell();
}

/** Changes parameters of this view; small changes, such as of a filter that is being typed, leave no trail. */
export function adjust(changes: Record<string, string | null>, trail = true): void {
  const to = href(location.pathname, changes);
  if (to === location.pathname + location.search) return;
  if (trail) history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  tell();
}

/** Follows links of ours without loading the page anew. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) return;
  const to = new URL(link.href, location.href);
  if (to.origin !== location.origin || !isOurs(to.pathname)) return;
  event.preventDefault();
  go(to.pathname + to.search);
}

const isOurs = (path: string) => path === "/" || path === "/app" || path.startsWith("/app/");

export function usePlace(): Place {
  const [place, set] = useState(here);
  useEffect(() => {
    const update = () => set(here());
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return place;
}
