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
  private readonly began = Date.now();
  private readonly random = seeded(500);
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly server: Server,
    private readonly shop: Shop,
    private readonly perSecond: number,
  ) {
    this.timer = setInterval(() => void this.feed(), EVERY);
  }

  /** How long it has gone on. */
  get seconds(): number {
    return (Date.now() - this.began) / 1_000;
  }

  /** Gives no more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
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
