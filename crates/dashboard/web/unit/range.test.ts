// Ranges survive the URL; buckets fit what is kept; days begin where clocks say so.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bucketFor, NAMED, type Named, rangeQuery, readRange, sameHours, SECONDS, startOfDay } from "../src/lib/range.ts";
import { seeded } from "./random.ts";

const NOW = Date.parse("2026-11-26T10:20:30Z");
const DAY = 86_400_000;

const query = (range: Parameters<typeof rangeQuery>[0]) =>
  new URLSearchParams(Object.entries(rangeQuery(range)).filter((pair): pair is [string, string] => pair[1] !== null));

test("a range is the same out of the URL", () => {
  for (const named of Object.keys(NAMED) as Named[]) {
    assert.deepEqual(readRange(query(named), NOW), { named, span: { from: NOW - NAMED[named] * 3_600_000, to: NOW } });
  }
  const span = { from: NOW - 5 * DAY, to: NOW - 2 * DAY };
  assert.deepEqual(readRange(query(span), NOW), { named: null, span });
});

test("what makes no sense is the default", () => {
  for (const bad of ["range=never", "from=x&to=y", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2026-01-01", "from=1970-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"]) {
    assert.equal(readRange(new URLSearchParams(bad), NOW).named, "24h", bad);
  }
});

test("a bucket is kept for its range and gives a chart that can be read", () => {
  const random = seeded(6);
  for (let round = 0; round < 5_000; round++) {
    const length = 5 * 60_000 + random() ** 4 * 3_600 * DAY;
    const to = NOW - random() ** 3 * 400 * DAY;
    const bucket = bucketFor({ from: to - length, to }, NOW);
    const points = length / 1_000 / SECONDS[bucket];
    assert.ok(points <= 200 || bucket === "1d", `${length} ${bucket}`);
    // Fine buckets are kept for eight days, and at most 10,000 are answered.
    if (SECONDS[bucket] < 900) assert.ok(NOW - (to - length) < 8 * DAY);
    assert.ok(points < 10_000);
  }
});

test("a day begins with the first instant of its date, whatever clocks do", () => {
  const random = seeded(7);
  const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"];
  for (const zone of zones) {
    const date = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
    for (let round = 0; round < 400; round++) {
      const at = Date.parse("2025-01-01T00:00:00Z") + Math.floor(random() * 700 * DAY);
      const start = startOfDay(at, zone);
      assert.ok(start <= at && at - start < 25 * 3_600_000 + 1_000, `${zone} ${at}`);
      assert.equal(date.format(start), date.format(at), `${zone} ${new Date(at).toISOString()}`);
      assert.notEqual(date.format(start - 1), date.format(at), `${zone} ${new Date(at).toISOString()}`);
    }
  }
});

test("the same hours of other days are as long and begin with their days", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/New_York"]) {
    for (let at = Date.parse("2026-03-01T05:00:00Z"); at < Date.parse("2026-12-01T00:00:00Z"); at += 5 * 3_600_000 + 7) {
      const { today, yesterday, lastWeek } = sameHours(at, zone);
      assert.equal(today.to, at);
      for (const [span, days] of [[yesterday, 1], [lastWeek, 7]] as const) {
        assert.equal(span.to - span.from, today.to - today.from);
        assert.equal(startOfDay(span.from, zone), span.from);
        assert.ok(Math.abs(today.from - span.from - days * DAY) <= 3_600_000, `${zone} ${at}`);
      }
    }
  }
});
