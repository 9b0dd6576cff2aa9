// A live stream that comes back by itself: a new ticket each time, from where it ended.

import { backoff } from "../lib/backoff.ts";
import { at, Problem, send } from "./http.ts";
import type { LogEntry, RateLimit, Top } from "./types.ts";

export type Status =
  | { is: "connecting" }
  | { is: "live" }
  /** Until when it waits before it tries again, in milliseconds since the epoch. */
  | { is: "waiting"; until: number; attempt: number }
  | { is: "ended"; reason: string };

export interface Filter {
  clientId?: string;
  endpoint?: string;
  method?: string;
  status?: string;
}

export interface Told {
  event(entry: LogEntry): void;
  lagged(missed: number, exact: boolean): void;
  top(top: Top): void;
  daily(): void;
  rateLimit(limits: RateLimit): void;
  status(status: Status): void;
  /** Connected; `again` if it was before. */
  connected(again: boolean): void;
}

/** Answers that will be the same the next time. */
const FINAL = [401, 403, 404, 422];

export class Stream {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last: string | null = null;
  private attempt = 0;
  private connections = 0;
  private isClosed = false;

  constructor(
    private readonly channel: string,
    private readonly filter: Filter,
    private readonly told: Told,
  ) {
    void this.open();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }

  /** Tries at once instead of waiting. */
  hurry(): void {
    if (this.source || this.isClosed) return;
    clearTimeout(this.timer);
    void this.open();
  }

  private async open(): Promise<void> {
    this.told.status({ is: "connecting" });
    try {
      const { ticket } = await send<{ ticket: string }>("POST", "/api/stream-tickets");
      if (!this.isClosed) this.listen(ticket);
    } catch (error) {
      if (this.isClosed) return;
      if (error instanceof Problem && FINAL.includes(error.status)) this.end(error.message);
      else this.wait(error instanceof Problem ? error.retryAfter : null);
    }
  }

  private listen(ticket: string): void {
    const query = { channel: this.channel, ...this.filter, lastEventId: this.last, ticket };
    const source = new EventSource(at("/api/usage/stream", query));
    this.source = source;
    let opened = false;
    const on = (name: string, heard: (data: unknown) => void) =>
      source.addEventListener(name, (event) => {
        const message = event as MessageEvent<string>;
        if (message.lastEventId) this.last = message.lastEventId;
        heard(JSON.parse(message.data));
      });
    on("connected", () => {
      opened = true;
      this.attempt = 0;
      this.told.status({ is: "live" });
      this.told.connected(this.connections++ > 0);
    });
    on("log:new", (data) => this.told.event(data as LogEntry));
    on("lagged", (data) => {
      const { missed, exact } = data as { missed: number; exact: boolean };
      this.told.lagged(missed, exact);
    });
    on("usage:top:update", (data) => this.told.top(data as Top));
    on("usage:daily:update", () => this.told.daily());
    on("rate-limit:update", (data) => this.told.rateLimit(data as RateLimit));
    on("closed", (data) => this.closed((data as { reason: string }).reason));
    source.onerror = () => {
      if (this.source !== source) return;
      source.close();
      this.source = null;
      // A place that does not open a stream is not asked for again.
      if (!opened) this.last = null;
      this.wait(null);
    };
  }

  /** The server's last words: it stops, or this stream has no right to go on. */
  private closed(reason: string): void {
    this.source?.close();
    this.source = null;
    if (/shutting down|cannot be found out/.test(reason)) this.wait(null);
    else void this.renew(reason);
  }

  /** A new ticket tells whether the right is still there: only the role may have changed. */
  private async renew(reason: string): Promise<void> {
    try {
      await send("POST", "/api/stream-tickets");
      this.last = null;
      this.wait(null);
    } catch {
      this.end(reason);
    }
  }

  private end(reason: string): void {
    this.isClosed = true;
    this.told.status({ is: "ended", reason });
  }

  private wait(seconds: number | null): void {
    if (this.isClosed) return;
    const millis = Math.max(backoff(this.attempt), (seconds ?? 0) * 1_000);
    this.attempt++;
    this.told.status({ is: "waiting", until: Date.now() + millis, attempt: this.attempt });
    this.timer = setTimeout(() => void this.open(), millis);
  }
}
