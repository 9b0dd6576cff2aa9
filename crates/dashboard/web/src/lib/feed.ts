// What a stream tells, kept within bounds and shown when there is a frame for it.

import { useEffect, useMemo, useState } from "preact/hooks";

import { at, get, now } from "../api/http.ts";
import { type Filter, type Status, Stream } from "../api/stream.ts";
import type { LogEntry, LogPage, RateLimit, Top } from "../api/types.ts";
import { Pulse, SPAN } from "./pulse.ts";
import { Ring, Seen } from "./ring.ts";

/** Rows that are kept to be shown. */
export const ROWS = 500;
/** Ids that are remembered, since events may come twice. */
const REMEMBERED = 5_000;
/** Events of the last two minutes that are asked for at the start. */
const BEFORE = 1_000;
/** Milliseconds between drawings of events: nobody reads faster, and what lies between them stays free. */
const GAP = 100;

export class Feed {
  readonly rows = new Ring<LogEntry>(ROWS);
  readonly pulse = new Pulse(now());
  private readonly seen = new Seen(REMEMBERED);
  status: Status = { is: "connecting" };
  /** Events since this feed began. */
  total = 0;
  /** How many events the server says were not told, and whether that is all of them. */
  missed = 0;
  exact = true;
  /** How often it was connected again. */
  returns = 0;
  top: Top | null = null;
  limits: RateLimit | null = null;
  /** Goes up when usage has changed. */
  usage = 0;
  onRateLimit: (limits: RateLimit) => void = () => {};
  private stream: Stream | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private isDue = false;
  private drawn = 0;
  /** Whether something besides events is to be shown. */
  private isMore = false;
  private readonly followers = { events: new Set<() => void>(), rest: new Set<() => void>() };

  /** Calls back once a frame at most: when there were `events`, or when anything of the `rest` has changed. */
  follow(what: "events" | "rest", changed: () => void): () => void {
    this.followers[what].add(changed);
    return () => void this.followers[what].delete(changed);
  }

  open(channel: string, filter: Filter): void {
    this.stream = new Stream(channel, filter, {
      event: (entry) => {
        const isFirst = this.rows.size === 0;
        this.take(entry);
        if (isFirst) this.mark();
        else this.draw();
      },
      lagged: (missed, exact) => this.mark(() => {
        this.missed += missed;
        this.exact &&= exact;
        this.pulse.missed(missed, now());
      }),
      top: (top) => this.mark(() => (this.top = top)),
      daily: () => this.mark(() => this.usage++),
      rateLimit: (limits) => this.mark(() => {
        this.limits = limits;
        this.onRateLimit(limits);
      }),
      status: (status) => this.mark(() => (this.status = status)),
      connected: (again) => this.mark(() => {
        if (again) this.returns++;
      }),
    });
    void this.before(filter);
  }

  close(): void {
    this.stream?.close();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }

  hurry(): void {
    this.stream?.hurry();
  }

  forgetMissed(): void {
    this.missed = 0;
    this.exact = true;
    this.isMore = true;
    this.tell();
  }

  /** What was recorded shortly before, so that a view does not begin empty. */
  private async before(filter: Filter): Promise<void> {
    const from = now() - SPAN * 1_000;
    try {
      const query = { from: new Date(from).toISOString(), limit: BEFORE, clientId: filter.clientId,
        method: filter.method, status: filter.status };
      // The path of a stream's filter is a prefix, which single events cannot be asked for.
      if (filter.endpoint) return;
      const page = await get<LogPage>(at("/api/logs", query));
      const oldest = page.data.at(-1);
      this.pulse.knownSince(page.nextCursor && oldest ? Date.parse(oldest.timestamp) + 1_000 : from);
      const early = this.rows.newest().reverse();
      const told = this.total;
      this.rows.clear();
      for (const entry of page.data.reverse()) this.take(entry);
      this.total = told;
      for (const entry of early) this.rows.push(entry);
      this.mark();
    } catch {
      // The stream says what is wrong, if anything is.
    }
  }

  private take(entry: LogEntry): void {
    if (!this.seen.add(entry.id)) return;
    this.total++;
    this.rows.push(entry);
    this.pulse.add(Date.parse(entry.timestamp), now(), (entry.statusCode ?? 0) >= 400, entry.responseTime);
  }

  /** Something besides events is to be shown. */
  private mark(change: () => void = () => {}): void {
    change();
    this.isMore = true;
    this.draw();
  }

  /** Asks for a frame. Without one, as in a tab that is hidden, only what is bounded goes on. */
  private draw(): void {
    if (this.isDue) return;
    this.isDue = true;
    const ask = () => (this.frame = requestAnimationFrame((at) => {
      this.isDue = false;
      this.drawn = at;
      this.tell();
    }));
    const wait = this.drawn + GAP - performance.now();
    if (wait > 0) this.timer = setTimeout(ask, wait);
    else ask();
  }

  private tell(): void {
    const { events, rest } = this.followers;
    events.forEach((changed) => changed());
    if (this.isMore) rest.forEach((changed) => changed());
    this.isMore = false;
  }
}

/**
 * A feed for as long as the component stands and the filter is the same. The component is drawn anew for all but events,
 * which `useEvents` follows: five hundred of them a second are no reason to draw a whole view.
 */
export function useFeed(channel: string, filter: Filter): Feed {
  const key = JSON.stringify([channel, filter]);
  const feed = useMemo(() => new Feed(), [key]);
  useFollowing(feed, "rest");
  useEffect(() => {
    feed.open(channel, filter);
    const seen = () => !document.hidden && feed.hurry();
    document.addEventListener("visibilitychange", seen);
    window.addEventListener("online", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      window.removeEventListener("online", seen);
      feed.close();
    };
  }, [feed]);
  return feed;
}

/** Draws a component anew as events come. */
export const useEvents = (feed: Feed): void => useFollowing(feed, "events");

function useFollowing(feed: Feed, what: "events" | "rest"): void {
  const [, redraw] = useState(0);
  useEffect(() => feed.follow(what, () => redraw((n) => n + 1)), [feed, what]);
}
