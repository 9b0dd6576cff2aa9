// The head of a view: its name, the range and the zone.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";

import { date } from "../lib/format.ts";
import { adjust } from "../lib/place.ts";
import { DEFAULT_RANGE, LONGEST, NAMED, type Named, NAMES, rangeQuery } from "../lib/range.ts";
import { chooseZone, type Scope } from "../lib/scope.ts";
import { fromWall, toWall } from "../lib/wall.ts";
import { zones } from "../lib/zones.ts";
import { Dialog } from "./dialog.tsx";
import { Field } from "./parts.tsx";

interface Props {
  title: string;
  note?: ComponentChildren;
  /** Where a range is chosen. */
  scope?: Scope;
  zoneOnly?: boolean;
  children?: ComponentChildren;
}

export function Head({ title, note, scope, zoneOnly = false, children }: Props) {
  return (
    <header class="head">
      <div>
        <h1>{title}</h1>
        {note && <p class="note">{note}</p>}
      </div>
      <div class="tools">
        {children}
        {scope && !zoneOnly && <RangeChoice scope={scope} />}
        {scope && <ZoneChoice zone={scope.zone} />}
      </div>
    </header>
  );
}

function RangeChoice({ scope }: { scope: Scope }) {
  const [isOpen, open] = useState(false);
  const own = scope.named ? null : `${date(scope.span.from, scope.zone, "dayTime")} – ${date(scope.span.to, scope.zone, "dayTime")}`;
  const choose = (select: HTMLSelectElement) => {
    if (select.value !== "own") return adjust(rangeQuery(select.value as Named));
    // What is looked at is the same until another range is given.
    select.value = scope.named ?? "chosen";
    open(true);
  };
  return (
    <>
      {own && <button type="button" class="button small" onClick={() => adjust(rangeQuery(DEFAULT_RANGE))}>Back to the last 24 hours</button>}
      <select aria-label="Range" value={scope.named ?? "chosen"} onChange={(event) => choose(event.currentTarget)}>
        {own && <option value="chosen">{own}</option>}
        {(Object.keys(NAMED) as Named[]).map((name) => <option key={name} value={name}>{NAMES[name]}</option>)}
        <option value="own">Other range…</option>
      </select>
      {isOpen && <OwnRange scope={scope} onClose={() => open(false)} />}
    </>
  );
}

/** Two instants, by the clock of the zone that is chosen. */
function OwnRange({ scope, onClose }: { scope: Scope; onClose: () => void }) {
  const { zone } = scope;
  const [from, setFrom] = useState(toWall(scope.span.from, zone));
  const [to, setTo] = useState(toWall(scope.span.to, zone));
  const span = { from: fromWall(from, zone), to: fromWall(to, zone) };
  const isGood = span.from < span.to;
  const isLong = span.to - span.from > LONGEST;
  const name = zone.replaceAll("_", " ");
  const take = (event: Event) => {
    event.preventDefault();
    if (!isGood || isLong) return;
    scope.zoom(span);
    onClose();
  };
  return (
    <Dialog title="Another range" onClose={onClose}>
      <form onSubmit={take}>
        <Field label={`From (${name})`}>
          {(field) => <input {...field} type="datetime-local" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />}
        </Field>
        <Field label={`To (${name})`} error={isLong ? "has to be at most 27 years later" : isGood ? undefined : "has to be later than the beginning"}>
          {(field) => <input {...field} type="datetime-local" required value={to} onInput={(event) => setTo(event.currentTarget.value)} />}
        </Field>
        <footer><button class="button primary" disabled={!isGood || isLong}>Show</button></footer>
      </form>
    </Dialog>
  );
}

function ZoneChoice({ zone }: { zone: string }) {
  const all = useMemo(zones, []);
  const names = all.includes(zone) ? all : [zone, ...all];
  return (
    <select aria-label="Time zone" class="zone" value={zone} onChange={(event) => chooseZone(event.currentTarget.value)}>
      {names.map((name) => <option key={name} value={name}>{name.replaceAll("_", " ")}</option>)}
    </select>
  );
}
