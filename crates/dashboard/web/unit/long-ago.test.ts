// What was long ago: clocks of zones, years, the days that have calls, and lists of many names.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Point, Series } from "../src/api/types.ts";
import { byOutcome } from "../src/charts/stack.ts";
import { date } from "../src/lib/format.ts";
import { choices } from "../src/lib/names.ts";
import { bucketFor, LONGEST, LONGEST_GROUPED, longestTo, SECONDS, weekBefore } from "../src/lib/range.ts";
import { extent } from "../src/lib/recorded.ts";
import { fromWall, toWall } from "../src/lib/wall.ts";
import { seeded } from "./random.ts";

const NOW = Date.parse("2026-11-26T10:20:30Z");
const DAY = 86_400_000;

const day = (index: number, requestCount: number, errorCount = 0): Point =>
  ({ at: new Date(Date.parse("2015-05-01T00:00:00Z") + index * DAY).toISOString(), requestCount, errorCount, avgResponseTime: null, p50: null, p95: null, p99: null });

const days = (counts: number[]): Series => ({
  from: day(0, 0).at, to: day(counts.length, 0).at, bucket: "1d", timezone: "UTC", generatedAt: "", series: [{ group: null, points: counts.map((count, index) => day(index, count)) }],
});

test("what a field shows of an instant is read as that instant, whatever clocks do", () => {
  const random = seeded(11);
  const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];
  for (const zone of zones) {
    for (let round = 0; round < 400; round++) {
      const at = Date.parse("2008-01-01T00:00:00Z") + Math.floor(random() * 7_000 * 1_440) * 60_000;
      const read = fromWall(toWall(at, zone), zone);
      // Of an hour that comes twice, the first is meant.
      assert.ok(read === at || (read < at && at - read <= 3_600_000 && toWall(read, zone) === toWall(at, zone)), `${zone} ${new Date(at).toISOString()}`);
    }
  }
  assert.equal(fromWall("2015-05-20T12:30", "Asia/Kolkata"), Date.parse("2015-05-20T07:00:00Z"));
  // Left out in the spring: half past two is half past three.
  assert.equal(fromWall("2026-03-29T02:30", "Europe/Berlin"), Date.parse("2026-03-29T01:30:00Z"));
  assert.equal(fromWall("2026-10-25T02:30", "Europe/Berlin"), Date.parse("2026-10-25T00:30:00Z"));
  assert.ok(Number.isNaN(fromWall("", "UTC")));
});

test("days of other years say which", () => {
  const said = (at: string, zone = "UTC") => date(at, zone, "day", NOW);
  assert.equal(said("2026-05-20T12:00:00Z"), "May 20");
  assert.equal(said("2015-05-20T12:00:00Z"), "May 20, 2015");
  assert.match(date("2015-05-20T12:00:00Z", "UTC", "moment", NOW), /2015.*12:00:00/);
  // By the clock of the zone it is still that year, or that year already.
  assert.equal(said("2025-12-31T23:30:00Z"), "Dec 31, 2025");
  assert.equal(said("2025-12-31T23:30:00Z", "Asia/Tokyo"), "Jan 1");
  assert.equal(date("2015-05-20T12:00:00Z", "UTC", "clock", NOW).includes("2015"), false);
});

test("all days are those from the first with calls on, and none without", () => {
  const random = seeded(12);
  for (let round = 0; round < 300; round++) {
    const counts = Array.from({ length: 1 + Math.floor(random() * 30) }, () => (random() < 0.2 ? 1 : 0));
    const found = extent(days(counts), NOW);
    const first = counts.indexOf(1);
    assert.deepEqual(found, first < 0 ? null : { from: Date.parse(day(first, 0).at), to: Date.parse(day(counts.length, 0).at) });
  }
  assert.equal(extent(days([1, 1]), Date.parse(day(1, 0).at) + 5)?.to, Date.parse(day(1, 0).at) + 5);
  assert.equal(extent({ ...days([]), series: [] }, NOW), null);
});

test("a week before a call has the call", () => {
  const random = seeded(13);
  for (let round = 0; round < 500; round++) {
    const at = Math.floor(random() * NOW);
    const { from, to } = weekBefore(at);
    assert.ok(from <= at && at < to && to - at <= 60_000 && to - from === 7 * DAY && to % 60_000 === 0);
  }
});

test("a series that is too long to be told apart by status loses nothing by outcome", () => {
  const series = { ...days([]), series: [{ group: null, points: [day(0, 5, 2), day(1, 3), day(2, 1, 1)] }] };
  const [good, errors] = byOutcome(series).series;
  assert.deepEqual(good?.points.map((point) => point.requestCount), [3, 3, 0]);
  assert.deepEqual(errors?.points.map((point) => point.requestCount), [2, 0, 1]);
  // At most a thousand buckets, and one more at each end by rounding.
  assert.ok(LONGEST_GROUPED / 1_000 / SECONDS[bucketFor({ from: NOW - LONGEST_GROUPED, to: NOW }, NOW)] + 2 <= 1_000);
});

test("names to choose from are in the order of readers, and each means one client", () => {
  const names = new Map([["CL-1", "host 10"], ["CL-2", "Host 9"], ["CL-3", "api"], ["CL-4", "api"]]);
  assert.deepEqual([...choices(names)], [["api (CL-3)", "CL-3"], ["api (CL-4)", "CL-4"], ["Host 9", "CL-2"], ["host 10", "CL-1"]]);
});

test("the longest range reaches back as far as can be asked for, and not before 1970", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  assert.equal(longestTo(now).from, now - LONGEST);
  const { from, to } = longestTo(Date.parse("1995-07-28T00:00:00Z"));
  // Its day has begun in 1970 west of here, too.
  assert.ok(from - 86_400_000 >= 0 && from < Date.parse("1971-01-01T00:00:00Z") && to > Date.parse("1995-07-28T00:00:00Z"));
});
