// What is looked at: the reader, the range and the zone, from the URL.

import { createContext } from "preact";
import { useContext, useMemo } from "preact/hooks";

import type { Session } from "../api/session.ts";
import { now } from "../api/http.ts";
import { adjust, usePlace } from "./place.ts";
import { type Chosen, DEFAULT_RANGE, NAMED, rangeQuery, readRange, type Span } from "./range.ts";
import { everything } from "./recorded.ts";
import { localZone, readZone } from "./zones.ts";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("nobody has signed in");
  return session;
}

export interface Scope extends Chosen {
  zone: string;
  /** A parameter of this view. */
  get: (name: string) => string;
  /** Looks at another range. */
  zoom: (span: Span) => void;
  /** The same while the answer would be: for `useAsk`. */
  key: string;
  /** The span as it is now: ranges with a name go on. Of all days those that have calls, of one client if it is given. */
  spanNow: (clientId?: string) => Promise<Span>;
}

export function useScope(): Scope {
  const { query } = usePlace();
  const text = query.toString();
  return useMemo(() => {
    const chosen = readRange(query, now());
    const zone = readZone(query.get("tz"));
    const { from, to } = chosen.span;
    const all = kept(everything);
    return {
      ...chosen,
      zone,
      get: (name) => query.get(name) ?? "",
      zoom: (span) => adjust(rangeQuery(widened(span))),
      key: `${chosen.named ?? `${from}-${to}`} ${zone}`,
      spanNow: async (clientId) => {
        const { named, span } = readRange(query, now());
        return named === "all" ? ((await all(zone, clientId)) ?? { from: now() - NAMED[DEFAULT_RANGE] * 3_600_000, to: now() }) : span;
      },
    };
  }, [text]);
}

/** Milliseconds for which all days are the same: several cards ask for them at once, again and again. */
const KEPT = 60_000;

/** Asks again only after a while, or if it failed. */
function kept<A extends unknown[], T>(ask: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let last: { at: number; key: string; answer: Promise<T> } | null = null;
  return (...args) => {
    const key = JSON.stringify(args);
    if (last?.key === key && now() - last.at < KEPT) return last.answer;
    const next = { at: now(), key, answer: ask(...args) };
    last = next;
    next.answer.catch(() => last === next && (last = null));
    return next.answer;
  };
}

/** At least five minutes, on whole minutes. */
function widened({ from, to }: Span): Span {
  const minute = 60_000;
  const start = Math.floor(from / minute) * minute;
  return { from: start, to: Math.max(Math.ceil(to / minute) * minute, start + 5 * minute) };
}

export const chooseZone = (zone: string): void => adjust({ tz: zone === localZone() ? null : zone });
