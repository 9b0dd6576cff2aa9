// Rates are those of a recount; nothing older than two minutes counts; memory is bounded.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW, Pulse, quantile, SPAN } from "../src/lib/pulse.ts";
import { seeded } from "./random.ts";

const START = 1_700_000_000_000;

test("rates and seconds are those of a recount", () => {
  const random = seeded(3);
  const pulse = new Pulse(START);
  const all: { at: number; bad: boolean; millis: number }[] = [];
  let now = START;
  for (let step = 0; step < 3_000; step++) {
    now += Math.floor(random() * 200);
    const event = { at: now - Math.floor(random() * 5_000), bad: random() < 0.2, millis: random() * 100 };
    if (event.at < START) continue;
    all.push(event);
    pulse.add(event.at, now, event.bad, event.millis);
    if (step % 50 !== 0) continue;
    const second = Math.floor(now / 1_000);
    const from = Math.max(second - NOW, Math.floor(START / 1_000));
    const within = all.filter(({ at }) => Math.floor(at / 1_000) >= from && Math.floor(at / 1_000) < second);
    const rate = pulse.rate(now);
    assert.ok(Math.abs(rate.perSecond - within.length / Math.max(1, second - from)) < 1e-9);
    assert.equal(rate.errorRate, within.length ? within.filter(({ bad }) => bad).length / within.length : null);
    const times = within.map(({ millis }) => millis).sort((a, b) => a - b);
    assert.deepEqual([rate.p50, rate.p95, rate.p99], [0.5, 0.95, 0.99].map((q) => quantile(times, q)));
    const shown = pulse.seconds(now);
    const counted = shown.good.map((good, place) => good + (shown.bad[place] ?? 0));
    shown.at.forEach((at, place) => {
      assert.equal(counted[place], all.filter((event) => Math.floor(event.at / 1_000) === at).length);
    });
  }
});

test("what is old is not now, and what is ahead is", () => {
  const pulse = new Pulse(START);
  pulse.add(START + 60_000, START, true, 1);
  // It would have the same place.
  pulse.add(START - SPAN * 1_000, START, false, 1);
  const { good, bad } = pulse.seconds(START + 2_000);
  assert.equal(good.reduce((sum, n) => sum + n, 0), 0);
  assert.equal(bad.reduce((sum, n) => sum + n, 0), 1);
  const later = pulse.seconds(START + (SPAN + 5) * 1_000);
  assert.equal(later.bad.reduce((sum, n) => sum + n, 0), 0);
});

test("missed calls count for the rate, and latencies beyond a bound are sampled", () => {
  const random = seeded(4);
  const pulse = new Pulse(START, random);
  for (let call = 0; call < 5_000; call++) pulse.add(START, START, false, random() * 1_000);
  pulse.missed(1_000, START);
  const rate = pulse.rate(START + 1_000);
  assert.equal(rate.perSecond, 6_000);
  assert.equal(rate.sampled, true);
  const { slots } = pulse as unknown as { slots: { times: number[] }[] };
  assert.equal(Math.max(...slots.map(({ times }) => times.length)), 200);
  assert.ok(Math.abs((rate.p50 ?? 0) - 500) < 150, `${rate.p50}`);
});

test("a quantile is a value with that share at or below it", () => {
  const random = seeded(5);
  for (let round = 1; round < 200; round++) {
    const values = Array.from({ length: round }, () => random()).sort((a, b) => a - b);
    for (const q of [0.01, 0.5, 0.95, 0.99, 1]) {
      const value = quantile(values, q) ?? NaN;
      assert.ok(values.filter((other) => other <= value).length >= q * round);
      assert.ok(values.filter((other) => other < value).length < q * round);
    }
  }
  assert.equal(quantile([], 0.5), null);
});
