// So many calls a second, evenly, for as long as it is not stopped.

import { seeded } from "../../unit/random.ts";
import { burst, type Shop } from "./data.ts";
import type { Server } from "./server.ts";

/** Milliseconds between batches. */
const EVERY = 50;
/** Calls in one batch: what is due beyond them, after a pause, waits for the next. */
const MOST = 200;
/** Batches that are under way at one time. */
const AT_ONCE = 16;

export class Feeder {
  /** Calls that the server has taken. */
  taken = 0;
  /** What it did not take, by what it said. */
  readonly refused: string[] = [];
  private given = 0;
  private underWay = 0;
  /** Milliseconds of giving before the latest rest, and since when it gives again. */
  private before = 0;
  private since: number | null = Date.now();
  private readonly random = seeded(500);
  private timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly server: Server,
    private readonly shop: Shop,
    private readonly perSecond: number,
  ) {
    this.timer = setInterval(() => void this.feed(), EVERY);
  }

  /** How long it has given; rests do not count. */
  get seconds(): number {
    return (this.before + (this.since === null ? 0 : Date.now() - this.since)) / 1_000;
  }

  /** Goes on after a rest, at the same pace: what was not due then is not made up for. */
  goOn(): void {
    this.since = Date.now();
    this.timer = setInterval(() => void this.feed(), EVERY);
  }

  /** Gives nothing until it goes on, and waits for what is under way. */
  async rest(): Promise<void> {
    clearInterval(this.timer);
    this.before = this.seconds * 1_000;
    this.since = null;
    while (this.underWay > 0) await new Promise((resolve) => setTimeout(resolve, EVERY));
  }

  private async feed(): Promise<void> {
    const due = Math.floor(this.seconds * this.perSecond) - this.given;
    const calls = Math.min(due, MOST);
    if (calls <= 0 || this.underWay >= AT_ONCE) return;
    this.given += calls;
    this.underWay++;
    try {
      await burst(this.server, this.shop, calls, this.random);
      this.taken += calls;
    } catch (error) {
      this.refused.push(String(error));
    }
    this.underWay--;
  }
}
