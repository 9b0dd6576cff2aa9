// Names of clients, for views that show ids.

import { get } from "../api/http.ts";
import type { ClientPage, Role, Top } from "../api/types.ts";
import { useAsk } from "./hooks.ts";

/** Pages of clients that are read for their names; others show their ids. */
const PAGES = 5;
const NOBODY = new Map<string, string>();

/** Null for a client, who sees nobody else. */
export function useNames(role: Role): Map<string, string> | null {
  const asked = useAsk((signal) => (role === "admin" ? registered(signal) : role === "service" ? busy(signal) : Promise.resolve(NOBODY)),
    `names ${role}`, role === "client" ? 0 : 60_000);
  return role === "client" ? null : (asked.data ?? NOBODY);
}

/** As readers look for them: "host 9" before "host 10". */
const ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
export const byName = (one: string, other: string): number => ORDER.compare(one, other);

/** Id by name for a list to choose from, in the order of names. Names that several have come with their ids. */
export function choices(names: Map<string, string>): Map<string, string> {
  const often = new Map<string, number>();
  for (const name of names.values()) often.set(name, (often.get(name) ?? 0) + 1);
  const said = [...names].map(([id, name]) => [often.get(name) === 1 ? name : `${name} (${id})`, id] as const);
  return new Map(said.sort(([one], [other]) => byName(one, other)));
}

async function registered(signal: AbortSignal): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  let cursor = "";
  for (let page = 0; page < PAGES; page++) {
    const found: ClientPage = await get<ClientPage>(`/api/clients?limit=1000${cursor}`, signal);
    for (const client of found.data) names.set(client.clientId, client.name);
    if (!found.nextCursor) break;
    cursor = `&cursor=${encodeURIComponent(found.nextCursor)}`;
  }
  return names;
}

/** Services may not ask who is registered, but who called. */
async function busy(signal: AbortSignal): Promise<Map<string, string>> {
  const top = await get<Top>("/api/usage/top?hours=168&limit=200", signal);
  return new Map(top.data.map((row) => [row.clientId, row.name]));
}
