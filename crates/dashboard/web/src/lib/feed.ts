// What a stream tells, kept within bounds and shown once a frame.

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
  private frame = 0;

  constructor(private readonly changed: () => void) {}

  open(channel: string, filter: Filter): void {
    this.stream = new Stream(channel, filter, {
      event: (entry) => {
        this.take(entry);
        this.mark();
      },
      lagged: (missed, exact) => {
        this.missed += missed;
        this.exact &&= exact;
        this.pulse.missed(missed, now());
        this.mark();
      },
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
    cancelAnimationFrame(this.frame);
  }

  hurry(): void {
    this.stream?.hurry();
  }

  forgetMissed(): void {
    this.missed = 0;
    this.exact = true;
    this.changed();
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
      this.rows.clear();
      for (const entry of page.data.reverse()) this.take(entry);
      this.total = early.length;
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

  /** Asks for a frame. Without one, as in a tab that is hidden, only what is bounded goes on. */
  private mark(change: () => void = () => {}): void {
    change();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.changed();
    });
  }
}

/** A feed for as long as the component stands and the filter is the same. */
export function useFeed(channel: string, filter: Filter): Feed {
  const [, redraw] = useState(0);
  const key = JSON.stringify([channel, filter]);
  const feed = useMemo(() => new Feed(() => redraw((n) => n + 1)), [key]);
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
