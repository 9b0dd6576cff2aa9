// What happens now, in a few large numbers.

import type { ComponentChildren } from "preact";

import { Spark } from "../charts/spark.tsx";
import type { Day } from "../lib/day.ts";
import type { Feed } from "../lib/feed.ts";
import { change, count, latency, rate, share, short } from "../lib/format.ts";
import type { Asked } from "../lib/hooks.ts";

interface TileProps {
  name: string;
  value: ComponentChildren;
  tone?: "good" | "warn" | "bad" | undefined;
  children?: ComponentChildren;
}

export function Tile({ name, value, tone, children }: TileProps) {
  return (
    <section class="tile" data-tone={tone} aria-label={name}>
      <h2>{name}</h2>
      <p class="value">{value}</p>
      <div class="below">{children}</div>
    </section>
  );
}

/** Shares of errors from which a number is coloured. */
const [WARN, BAD] = [0.02, 0.1];

export function NowTiles({ feed, now }: { feed: Feed; now: number }) {
  const is = feed.pulse.rate(now);
  const seconds = feed.pulse.seconds(now);
  const totals = seconds.good.map((value, index) => value + (seconds.bad[index] ?? 0));
  const errors = is.errorRate;
  const tone = errors === null ? undefined : errors >= BAD ? "bad" : errors >= WARN ? "warn" : "good";
  return (
    <>
      <Tile name="Requests per second" value={<span data-test="rate">{rate(is.perSecond)}</span>}><Spark values={smooth(totals)} /></Tile>
      <Tile name="Error rate, last minute" value={share(errors)} tone={tone}>
        <p>{errors === null ? "No calls in the last minute" : "Status 400 and above"}</p>
      </Tile>
      <Tile name="Latency, last minute" value={latency(is.p50)}>
        <dl class="pair">
          <div><dt>p50</dt><dd>{latency(is.p50)}</dd></div>
          <div><dt>p95</dt><dd>{latency(is.p95)}</dd></div>
          <div><dt>p99</dt><dd>{latency(is.p99)}</dd></div>
        </dl>
        {is.sampled && <p>From a sample</p>}
      </Tile>
    </>
  );
}

/** The mean of three neighbours: single seconds jump. */
const smooth = (values: number[]) =>
  values.map((value, index) => (value + (values[index - 1] ?? value) + (values[index + 1] ?? value)) / 3);

export function TodayTile({ day }: { day: Asked<Day> }) {
  const is = day.data?.soFar;
  if (!is) return <Tile name="Calls today" value="–">{day.error && <p>{day.error.message}</p>}</Tile>;
  return (
    <Tile name="Calls today" value={<span title={count(is.today)} data-test="today">{short(is.today)}</span>}>
      <dl class="pair">
        <Change name="Yesterday by now" now={is.today} before={is.yesterday} />
        <Change name="A week ago" now={is.today} before={is.lastWeek} />
      </dl>
    </Tile>
  );
}

function Change({ name, now, before }: { name: string; now: number; before: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{before > 0 ? <>{change(now, before)} <small>{short(before)}</small></> : <small>none</small>}</dd>
    </div>
  );
}
