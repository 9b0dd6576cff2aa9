// The endpoints that stand out: the busiest, the slowest, those that fail most.

import { useState } from "preact/hooks";

import { at, get, now } from "../api/http.ts";
import type { EndpointRow, Endpoints } from "../api/types.ts";
import { count, latency, share, short } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { href } from "../lib/place.ts";
import { NAMES } from "../lib/range.ts";
import type { Scope } from "../lib/scope.ts";
import { Answer, Bar, Card, Empty, Segments } from "../ui/parts.tsx";

export type Sort = "requests" | "p95" | "errors";
export const SORTS = [["requests", "Busiest"], ["p95", "Slowest"], ["errors", "Failing"]] as const;

/** Where the calls of an endpoint are listed. What stands for several methods or paths is no filter. */
export const callsOf = (row: EndpointRow, clientId?: string): string =>
  href("/app/log", {
    endpoint: row.endpoint.startsWith("/") ? row.endpoint : null, method: row.method.startsWith("(") ? null : row.method, client: clientId || null,
  });

interface Props {
  hint: number;
  wide?: boolean;
  clientId?: string | undefined;
  /** The range that is looked at; without it, the last 24 hours. */
  scope?: Scope;
}

export function EndpointsBrief({ hint, wide = false, clientId, scope }: Props) {
  const [sort, setSort] = useState<Sort>("requests");
  const asked = useAsk<Endpoints>(
    async (signal) => {
      const span = scope ? await scope.spanNow(clientId) : { from: now() - 86_400_000, to: now() };
      return get(at("/api/usage/endpoints", { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), sort, limit: 8, clientId }), signal);
    },
    `brief ${sort} ${clientId ?? ""} ${scope?.key ?? ""}`, !scope || scope.named ? 30_000 : 0, hint,
  );
  const range = !scope ? NAMES["24h"] : scope.named ? NAMES[scope.named] : "The chosen range";
  return (
    <Card title="Endpoints" note={range} span={wide ? "full" : "half"}
      actions={<><Segments label="Order" options={SORTS} value={sort} onChange={setSort} /><a href={href("/app/endpoints", { sort: sort === "requests" ? null : sort, ...(clientId && { client: clientId }) })}>All</a></>}>
      <Answer asked={asked} height={240}>
        {({ data }) => {
          const rows = sort === "errors" ? data.filter((row) => row.errorCount > 0) : data;
          if (rows.length === 0) return <Empty title={data.length > 0 ? "Nothing fails" : scope ? "No calls in this range" : "No calls in the last 24 hours"} />;
          return <Brief rows={rows} sort={sort} range={range} clientId={clientId} />;
        }}
      </Answer>
    </Card>
  );
}

function Brief({ rows, sort, range, clientId }: { rows: EndpointRow[]; sort: Sort; range: string; clientId: string | undefined }) {
  const measure = (row: EndpointRow) => (sort === "requests" ? row.requestCount : sort === "errors" ? row.errorCount : (row.p95 ?? 0));
  const most = Math.max(...rows.map(measure));
  return (
    <table class="ranked">
      <caption class="hidden">Endpoints: {range}</caption>
      <thead>
        <tr><th scope="col">Endpoint</th><th scope="col" class="number">Calls</th><th scope="col" class="number">{sort === "errors" ? "Errors" : "Error rate"}</th><th scope="col" class="number">p95</th></tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.method} ${row.endpoint}`}>
            <th scope="row">
              <a class="path" href={callsOf(row, clientId)}><b>{row.method}</b> {row.endpoint}</a>
              <Bar value={measure(row)} of={most} kind={sort === "errors" ? "bad" : sort === "p95" ? "warn" : "accent"} />
            </th>
            <td class="number" title={count(row.requestCount)}>{short(row.requestCount)}</td>
            <td class="number">{sort === "errors" ? short(row.errorCount) : share(row.requestCount ? row.errorCount / row.requestCount : null)}</td>
            <td class="number">{latency(row.p95)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
