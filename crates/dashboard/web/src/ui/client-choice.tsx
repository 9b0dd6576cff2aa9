// One client, or all of them: from a list, or by typing where there are many.

import { useEffect, useId, useMemo, useState } from "preact/hooks";

import { choices } from "../lib/names.ts";
import { adjust } from "../lib/place.ts";

/** A list of more is not looked through. */
const FEW = 100;

interface Props {
  names: Map<string, string> | null;
  /** The id of the URL; empty for all. */
  value: string;
}

export function ClientChoice({ names, value }: Props) {
  const list = useMemo(() => choices(names ?? new Map()), [names]);
  if (list.size === 0) return null;
  if (list.size > FEW) return <TypedClient list={list} value={value} />;
  return (
    <select aria-label="Client" value={value} onChange={(event) => adjust({ client: event.currentTarget.value })}>
      <option value="">All clients</option>
      {[...list].map(([name, id]) => <option key={id} value={id}>{name}</option>)}
    </select>
  );
}

function TypedClient({ list, value }: { list: Map<string, string>; value: string }) {
  const id = useId();
  const shown = useMemo(() => [...list].find(([, client]) => client === value)?.[0] ?? value, [list, value]);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const isKnown = text === "" || text === shown || list.has(text);
  const take = (next: string) => {
    setText(next);
    const client = next === "" ? "" : list.get(next);
    if (client !== undefined) adjust({ client });
  };
  return (
    <>
      <input type="search" class="client" list={id} aria-label="Client" placeholder="All clients" autocomplete="off" spellcheck={false}
        {...(!isKnown && { "aria-invalid": true })} title={isKnown ? "Type a part of a name" : "No client has this name"}
        value={text} onInput={(event) => take(event.currentTarget.value)} />
      <datalist id={id}>{[...list.keys()].map((name) => <option key={name} value={name} />)}</datalist>
    </>
  );
}
