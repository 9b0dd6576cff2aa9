// All endpoints of a range, in the order of one's choice.

import { useState } from "preact/hooks";

import { at, get } from "../api/http.ts";
import type { EndpointRow, Endpoints } from "../api/types.ts";
import { count, latency, share } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { useNames } from "../lib/names.ts";
import { adjust } from "../lib/place.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { ClientChoice } from "../ui/client-choice.tsx";
import { Head } from "../ui/head.tsx";
import { Answer, Bar, Card, Segments } from "../ui/parts.tsx";
import { callsOf, type Sort, SORTS } from "./endpoints-brief.tsx";
import { NoCalls } from "./no-calls.tsx";

/** Rows at first, and at most. */
const SHOWN = 200;
const MOST = 1_000;

export function EndpointsView() {
  const { role } = useSession();
  const scope = useScope();
  const names = useNames(role);
  const sort = (SORTS.find(([name]) => name === scope.get("sort"))?.[0] ?? "requests") satisfies Sort;
  const clientId = scope.get("client");
  const [limit, setLimit] = useState(SHOWN);
  const asked = useAsk<Endpoints>(async (signal) => {
    const span = await scope.spanNow(clientId);
    return get(at("/api/usage/endpoints", {
      from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), sort, limit, clientId,
    }), signal);
  }, `endpoints ${scope.key} ${sort} ${clientId} ${limit}`, scope.named ? 15_000 : 0);
  return (
    <>
      <Head title="Endpoints" note="Ids in paths are counted together" scope={scope}>
        <ClientChoice names={names} value={clientId} />
      </Head>
      <div class="grid">
        <Card title="By endpoint and method" actions={<Segments label="Order" options={SORTS} value={sort} onChange={(next) => adjust({ sort: next === "requests" ? null : next })} />}>
          <Answer asked={asked} height={320}>
            {({ data }) => data.length === 0 ? <NoCalls scope={scope} clientId={clientId} /> : (
              <>
                <Table rows={data} sort={sort} client={clientId} />
                <p class="more">
                  {data.length === limit ? `The first ${count(limit)} are shown.` : `${count(data.length)} shown.`}{" "}
                  {data.length === limit && limit < MOST && <button type="button" class="button small" onClick={() => setLimit(MOST)}>Show more</button>}
                </p>
              </>
            )}
          </Answer>
        </Card>
      </div>
    </>
  );
}

function Table({ rows, sort, client }: { rows: EndpointRow[]; sort: Sort; client: string }) {
  const measure = (row: EndpointRow) => (sort === "requests" ? row.requestCount : sort === "errors" ? row.errorCount : (row.p95 ?? 0));
  const most = Math.max(...rows.map(measure));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Endpoints">
      <table class="ranked full endpoints">
        <caption class="hidden">Endpoints</caption>
        <thead>
          <tr>
            <th scope="col">Endpoint</th>
            {["Calls", "Errors", "Error rate", "Mean", "p50", "p95", "p99"].map((name) => <th scope="col" class="number" key={name}>{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.method} ${row.endpoint}`}>
              <th scope="row">
                <a class="path" href={callsOf(row, client)}><b>{row.method}</b> {row.endpoint}</a>
                <Bar value={measure(row)} of={most} kind={sort === "errors" ? "bad" : sort === "p95" ? "warn" : "accent"} />
              </th>
              <td class="number">{count(row.requestCount)}</td>
              <td class="number">{count(row.errorCount)}</td>
              <td class="number">{share(row.requestCount ? row.errorCount / row.requestCount : null)}</td>
              {[row.avgResponseTime, row.p50, row.p95, row.p99].map((millis, index) => <td class="number" key={index}>{latency(millis)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
