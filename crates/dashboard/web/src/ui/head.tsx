// The head of a view: its name, the range and the zone.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";

import { date } from "../lib/format.ts";
import { adjust } from "../lib/place.ts";
import { DEFAULT_RANGE, NAMED, type Named, NAMES, rangeQuery } from "../lib/range.ts";
import { chooseZone, type Scope } from "../lib/scope.ts";
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
      {own && <button type="button" class="button small" onClick={() => adjust(rangeQuery(DEFAULT_RANGE))}>Whole range</button>}
      <select aria-label="Range" value={scope.named ?? "chosen"} onChange={(event) => choose(event.currentTarget)}>
        {own && <option value="chosen">{own}</option>}
        {(Object.keys(NAMED) as Named[]).map((name) => <option key={name} value={name}>{NAMES[name]}</option>)}
        <option value="own">Other range…</option>
      </select>
      {isOpen && <OwnRange scope={scope} onClose={() => open(false)} />}
    </>
  );
}

/** Two instants, by the clock of the reader's own system: that is what the fields of a browser know. */
function OwnRange({ scope, onClose }: { scope: Scope; onClose: () => void }) {
  const local = (at: number) => new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  const [from, setFrom] = useState(local(scope.span.from));
  const [to, setTo] = useState(local(scope.span.to));
  const isGood = Date.parse(from) < Date.parse(to);
  const take = (event: Event) => {
    event.preventDefault();
    if (!isGood) return;
    scope.zoom({ from: Date.parse(from), to: Date.parse(to) });
    onClose();
  };
  return (
    <Dialog title="Another range" onClose={onClose}>
      <form onSubmit={take}>
        <Field label="From" hint="By the clock of this computer">
          {(field) => <input {...field} type="datetime-local" required value={from} onInput={(event) => setFrom(event.currentTarget.value)} />}
        </Field>
        <Field label="To" error={isGood ? undefined : "has to be later than the beginning"}>
          {(field) => <input {...field} type="datetime-local" required value={to} onInput={(event) => setTo(event.currentTarget.value)} />}
        </Field>
        <footer><button class="button primary" disabled={!isGood}>Show</button></footer>
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
