// All clients.

import { useEffect, useState } from "preact/hooks";

import { at, get } from "../api/http.ts";
import type { Client, ClientPage, Top } from "../api/types.ts";
import { ago, count, NONE } from "../lib/format.ts";
import { useAsk, useNow } from "../lib/hooks.ts";
import { byName } from "../lib/names.ts";
import { adjust, href } from "../lib/place.ts";
import { type Scope, useScope } from "../lib/scope.ts";
import { Head } from "../ui/head.tsx";
import { Answer, Card, Empty, Segments, Tag } from "../ui/parts.tsx";
import { Register } from "./register.tsx";

/** Clients whose calls are told: the most that can be asked for. */
const BUSIEST = 1_000;
/** Pages of a thousand that are looked through. */
const PAGES = 5;
/** Rows at first, and how many more at a time. */
const SHOWN = 200;
const ORDERS = [["used", "Last used"], ["calls", "Busiest"]] as const;

export function ClientsView() {
  const scope = useScope();
  const [isOpen, open] = useState(false);
  const asked = useAsk(everybody, "clients", 20_000);
  const calls = useAsk((signal) => busy(scope, signal), `calls ${scope.key}`, scope.named ? 60_000 : 0).data;
  const wanted = scope.get("q").toLowerCase();
  const isByCalls = scope.get("sort") === "calls";
  const [most, setMost] = useState(SHOWN);
  useEffect(() => setMost(SHOWN), [wanted]);
  return (
    <>
      <Head title="Clients" note="Who may call, with what rights, and how often they do" scope={scope}>
        <input type="search" aria-label="Find a client" placeholder="Name, email or id" value={scope.get("q")}
          onInput={(event) => adjust({ q: event.currentTarget.value }, false)} />
        <button type="button" class="button primary" onClick={() => open(true)}>Register a client</button>
      </Head>
      <div class="grid">
        <Card title="Clients" actions={<Segments label="Order" options={ORDERS} value={isByCalls ? "calls" : "used"} onChange={(order) => adjust({ sort: order === "used" ? null : order })} />}>
          <Answer asked={asked} height={360}>
            {({ clients, isCut }) => {
              const fits = clients.filter((client) => [client.name, client.email ?? "", client.clientId].some((text) => text.toLowerCase().includes(wanted)));
              const found = isByCalls && calls ? byCalls(fits, calls) : fits;
              if (clients.length === 0) return <Empty title="Nobody is registered yet">Register a client to give somebody a key.</Empty>;
              if (found.length === 0) return <Empty title="Nobody fits" />;
              return (
                <>
                  <Table clients={found.slice(0, most)} calls={calls} />
                  <p class="more">
                    {count(Math.min(found.length, most))} of {count(found.length)}{wanted ? ` that fit, of ${count(clients.length)}` : ""}{isCut ? " or more" : ""} shown.{" "}
                    {found.length > most && <button type="button" class="button small" onClick={() => setMost(most + SHOWN)}>Show more</button>}
                  </p>
                </>
              );
            }}
          </Answer>
        </Card>
      </div>
      {isOpen && <Register onClose={() => open(false)} onDone={asked.reload} />}
    </>
  );
}

async function everybody(signal: AbortSignal): Promise<{ clients: Client[]; isCut: boolean }> {
  const clients: Client[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const found: ClientPage = await get<ClientPage>(at("/api/clients", { limit: 1_000, cursor }), signal);
    clients.push(...found.data);
    cursor = found.nextCursor;
    if (!cursor) break;
  }
  const lately = (client: Client) => client.lastAccessAt ?? "";
  clients.sort((one, other) => lately(other).localeCompare(lately(one)) || byName(one.name, other.name));
  return { clients, isCut: cursor !== null };
}

/** Calls of a range by client, and how many each of the others has at most. */
interface Calls {
  of: Map<string, number>;
  others: number;
}

async function busy(scope: Scope, signal: AbortSignal): Promise<Calls> {
  const span = await scope.spanNow();
  const { data } = await get<Top>(at("/api/usage/top", { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), limit: BUSIEST }), signal);
  return { of: new Map(data.map((row) => [row.clientId, row.requestCount])), others: data.length < BUSIEST ? 0 : (data.at(-1)?.requestCount ?? 0) };
}

function said(calls: Calls | null, id: string): string {
  if (!calls) return NONE;
  const known = calls.of.get(id);
  return known !== undefined ? count(known) : calls.others === 0 ? "0" : `≤ ${count(calls.others)}`;
}

const byCalls = (clients: Client[], { of }: Calls): Client[] =>
  clients.toSorted((one, other) => (of.get(other.clientId) ?? 0) - (of.get(one.clientId) ?? 0));

function Table({ clients, calls }: { clients: Client[]; calls: Calls | null }) {
  const now = useNow(10_000);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Clients">
      <table class="ranked full clients">
        <caption class="hidden">Clients</caption>
        <thead>
          <tr><th scope="col">Client</th><th scope="col">Role</th><th scope="col">State</th><th scope="col" class="number">Limit</th><th scope="col" class="number">Keys</th><th scope="col" class="number">Calls</th><th scope="col">Key last used</th></tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <tr key={client.clientId}>
              <th scope="row">
                <a href={href(`/app/clients/${client.clientId}`)}>{client.name}</a>
                <small>{client.email ?? client.clientId}</small>
              </th>
              <td><Tag kind={client.role}>{client.role}</Tag></td>
              <td><Tag kind={client.isActive ? "good" : "bad"}>{client.isActive ? "active" : "deactivated"}</Tag></td>
              <td class="number">{client.role === "client" ? count(client.rateLimit) : "–"}</td>
              <td class="number">{count(client.keys.length)}</td>
              <td class="number">{said(calls, client.clientId)}</td>
              <td>{ago(client.lastAccessAt, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
