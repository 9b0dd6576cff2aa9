// A ring holds the newest; what was seen is known for as long as it may come again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ring, Seen } from "../src/lib/ring.ts";
import { seeded } from "./random.ts";

test("a ring is the end of a list, backwards", () => {
  const random = seeded(1);
  for (const capacity of [1, 2, 7, 50]) {
    const ring = new Ring<number>(capacity);
    let all: number[] = [];
    for (let step = 0; step < 400; step++) {
      if (random() < 0.02) {
        ring.clear();
        all = [];
      }
      ring.push(step);
      all.push(step);
      const most = Math.floor(random() * 60);
      assert.deepEqual(ring.newest(most), all.slice(-capacity).reverse().slice(0, most));
      assert.equal(ring.size, Math.min(capacity, all.length));
    }
  }
});

test("an id is new once among the last ones", () => {
  const random = seeded(2);
  const seen = new Seen(10);
  const last: string[] = [];
  for (let step = 0; step < 2_000; step++) {
    const id = String(Math.floor(random() * 40));
    const isNew = seen.add(id);
    if (last.slice(-10).includes(id)) assert.equal(isNew, false, `step ${step}`);
    if (isNew) last.push(id);
  }
  const fresh = new Seen(3);
  assert.deepEqual(["a", "a", "b"].map((id) => fresh.add(id)), [true, false, true]);
});
