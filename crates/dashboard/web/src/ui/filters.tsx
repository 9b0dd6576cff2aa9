// Filters of calls, which live in the URL.

import { useEffect, useState } from "preact/hooks";

import { adjust } from "../lib/place.ts";
import type { Scope } from "../lib/scope.ts";
import { ClientChoice } from "./client-choice.tsx";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const CLASSES = ["2xx", "3xx", "4xx", "5xx"];
const NAMES = ["client", "endpoint", "method", "status"];

interface Props {
  scope: Scope;
  names: Map<string, string> | null;
  endpointHint: string;
}

export function Filters({ scope, names, endpointHint }: Props) {
  const isFiltered = NAMES.some((name) => scope.get(name));
  const clear = () => adjust(Object.fromEntries(NAMES.map((name) => [name, null])));
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <ClientChoice names={names} value={scope.get("client")} />
      <select aria-label="Method" value={scope.get("method")} onChange={(event) => adjust({ method: event.currentTarget.value })}>
        <option value="">All methods</option>
        {METHODS.map((name) => <option key={name}>{name}</option>)}
      </select>
      <select aria-label="Status" value={scope.get("status")} onChange={(event) => adjust({ status: event.currentTarget.value })}>
        <option value="">All statuses</option>
        {CLASSES.map((name) => <option key={name}>{name}</option>)}
        {scope.get("status") && !CLASSES.includes(scope.get("status")) && <option>{scope.get("status")}</option>}
      </select>
      <Typed name="endpoint" label={`Endpoint: ${endpointHint}`} placeholder="/path" value={scope.get("endpoint")} />
      {isFiltered && <button type="button" class="link" onClick={clear}>Clear filters</button>}
    </form>
  );
}

/** Milliseconds after the last letter before it counts. */
const PAUSE = 500;

function Typed({ name, label, placeholder, value }: { name: string; label: string; placeholder: string; value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const path = text.trim() && !text.trim().startsWith("/") ? `/${text.trim()}` : text.trim();
    const timer = setTimeout(() => adjust({ [name]: path }, false), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input type="search" aria-label={label} title={label} placeholder={placeholder} spellcheck={false} autocomplete="off"
      value={text} onInput={(event) => setText(event.currentTarget.value)} />
  );
}
