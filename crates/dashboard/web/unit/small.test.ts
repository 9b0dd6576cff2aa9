// Waiting, forecasts, files, stacks, tokens and numbers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { claims } from "../src/api/session.ts";
import type { Point, Series } from "../src/api/types.ts";
import { stack } from "../src/charts/stack.ts";
import { backoff } from "../src/lib/backoff.ts";
import { split } from "../src/lib/csv.ts";
import { until } from "../src/lib/day.ts";
import { exhaustion, type Reading, remember } from "../src/lib/forecast.ts";
import { ago, bytes, change, date, duration, latency, rate, share, short, pace } from "../src/lib/format.ts";
import { isZone, readZone } from "../src/lib/zones.ts";
import { seeded } from "./random.ts";

test("waits grow, are never long, and differ", () => {
  for (let attempt = 0; attempt < 60; attempt++) {
    const [least, most] = [backoff(attempt, () => 0), backoff(attempt, () => 1)];
    assert.ok(least >= 200 && most <= 15_000 && least < most);
    if (attempt > 0) assert.ok(most >= backoff(attempt - 1, () => 1));
  }
});

test("a forecast is where the line of the readings ends", () => {
  const random = seeded(8);
  for (let round = 0; round < 500; round++) {
    const pace = 0.001 + random();
    const start = 10_000 + Math.floor(random() * 100_000);
    const last = Math.floor((start / pace) * random() * 0.8);
    if (last < 3_000) continue;
    const readings = [{ at: 0, remaining: start }, { at: last, remaining: start - pace * last }];
    const end = exhaustion(readings, Infinity);
    assert.ok(end !== null && Math.abs(end - start / pace) < 1, `${end} ${start / pace}`);
    assert.equal(exhaustion(readings, start / pace - 1), null);
  }
  assert.equal(exhaustion([], 0), null);
  assert.equal(exhaustion([{ at: 0, remaining: 5 }, { at: 9_000, remaining: 5 }], Infinity), null);
  assert.equal(exhaustion([{ at: 0, remaining: 5 }, { at: 9_000, remaining: 0 }], 0), 9_000);
});

test("readings are kept for ten minutes, one a second", () => {
  let readings: Reading[] = [];
  for (let at = 0; at < 3_600_000; at += 333) readings = remember(readings, { at, remaining: 1 });
  assert.ok(readings.length <= 601 && readings.length > 300, `${readings.length}`);
  assert.ok((readings.at(-1)?.at ?? 0) - (readings[0]?.at ?? 0) <= 600_000);
});

test("pages of CSV are put together row by row, whatever is quoted", () => {
  const random = seeded(9);
  const pieces = ["a", ",", "\n", '"', "é", "\r\n"];
  const cell = () => `"${Array.from({ length: 5 }, () => pieces[Math.floor(random() * pieces.length)]).join("").replaceAll('"', '""')}"`;
  for (let round = 0; round < 300; round++) {
    const rows = Array.from({ length: Math.floor(random() * 5) }, () => `${cell()},${cell()}\n`);
    const page = `one,two\n${rows.join("")}`;
    assert.deepEqual(split(page), { head: "one,two\n", body: rows.join(""), count: rows.length });
  }
  assert.deepEqual(split(""), { head: "", body: "", count: 0 });
});

const point = (requestCount: number): Point =>
  ({ at: "2026-11-26T00:00:00Z", requestCount, errorCount: 0, avgResponseTime: null, p50: null, p95: null, p99: null });

test("a stack loses nothing, and what is wrong lies on top", () => {
  const random = seeded(10);
  const groups = ["5xx", "2xx", "4xx", "unknown", "3xx"];
  for (let round = 0; round < 100; round++) {
    const series = groups.map((group) => ({ group, points: Array.from({ length: 6 }, () => point(Math.floor(random() * 4))) }));
    const stacked = stack({ series } as unknown as Series);
    for (let index = 0; index < 6; index++) {
      const total = series.reduce((sum, { points }) => sum + (points[index]?.requestCount ?? 0), 0);
      assert.equal(stacked.sums.at(-1)?.[index] ?? 0, total);
    }
    const order = stacked.groups.map((group) => ["2xx", "3xx", "unknown", "4xx", "5xx"].indexOf(group));
    assert.deepEqual(order, [...order].sort());
  }
});

test("of a quarter of an hour that goes on, a part counts", () => {
  const day = [4, 8, 2].map(point);
  assert.equal(until(day, 0), 0);
  assert.equal(until(day, 900_000), 4);
  assert.equal(until(day, 1_350_000), 8);
  assert.equal(until(day, 86_400_000), 14);
});

test("a token says whose it is", () => {
  const body = { sub: "CL-ü1", kid: "abc" };
  const text = Buffer.from(JSON.stringify(body)).toString("base64url");
  assert.deepEqual(claims(`head.${text}.tail`), body);
});

test("numbers and times as they are read", () => {
  assert.deepEqual([0, 0.5, 12.34, 1_234.5].map(rate), ["0", "0.5", "12.3", "1,235"]);
  assert.deepEqual([null, 0.4567, 12.34, 345.6, 1_234, 12_345].map(latency), ["–", "0.46 ms", "12.3 ms", "346 ms", "1.23 s", "12.3 s"]);
  assert.deepEqual([null, 0, 0.0042, 0.25].map(share), ["–", "0%", "0.42%", "25%"]);
  assert.deepEqual([999, 9_999, 12_345, 4_500_000].map(short), ["999", "9,999", "12.3K", "4.5M"]);
  assert.deepEqual([change(12, 10), change(5, 10), change(10, 10)], ["+20%", "-50%", "0%"]);
  assert.deepEqual([change(99, 10), change(100, 10), change(3_000, 20)], ["+890%", "10×", "150×"]);
  assert.deepEqual([pace(0), pace(2.5), pace(0.07), pace(0.002)], ["0 a second", "2.5 a second", "4.2 a minute", "7.2 an hour"]);
  assert.deepEqual([60, 3_600, 90, 86_400].map(duration), ["1 min", "1 hr", "90 sec", "1 day"]);
  assert.deepEqual([0, 1_500, 67_108_864].map(bytes), ["0 byte", "1.5 kB", "67.1 MB"]);
  assert.equal(ago(null, 0), "never");
  assert.equal(ago(1_000, 121_000), "2 minutes ago");
  assert.equal(date("2026-11-26T23:30:00Z", "Asia/Tokyo", "day"), "Nov 27");
  assert.equal(date(null, "UTC", "full"), "–");
});

test("zones have names", () => {
  assert.ok(isZone("Europe/Berlin") && isZone("UTC"));
  assert.ok(!isZone("+02:00") && !isZone("Mars/Olympus") && !isZone(""));
  assert.equal(readZone("America/New_York"), "America/New_York");
  assert.ok(isZone(readZone("nowhere")));
});
