// The busiest clients: of the last 24 hours as they change, or of a range.

import { at, get } from "../api/http.ts";
import type { Top } from "../api/types.ts";
import { count, latency, share, short } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { href } from "../lib/place.ts";
import { NAMES } from "../lib/range.ts";
import type { Scope } from "../lib/scope.ts";
import { Answer, Bar, Card, Empty } from "../ui/parts.tsx";

/** Rows of the card. */
const MOST = 8;

/** Asked for at first; then the stream tells. */
export function TopCard({ told, hint, linked }: { told: Top | null; hint: number; linked: boolean }) {
  const asked = useAsk<Top>((signal) => get(at("/api/usage/top", { hours: 24, limit: MOST }), signal), "top", 60_000, told ? 0 : hint);
  const shown = told ? { ...asked, data: told, error: null } : asked;
  return (
    <Card title="Busiest clients" note="Last 24 hours" span="half" actions={linked && <a href={href("/app/clients", { sort: "calls" })}>All clients</a>}>
      <Answer asked={shown} height={240}>
        {(top) => top.data.length === 0 ? <Empty title="No calls in the last 24 hours" /> : <TopTable top={top} linked={linked} range="Last 24 hours" />}
      </Answer>
    </Card>
  );
}

/** Of the range that is looked at, asked for every so many milliseconds. */
export function TopOfRange({ scope, linked, every }: { scope: Scope; linked: boolean; every: number }) {
  const asked = useAsk<Top>(async (signal) => {
    const span = await scope.spanNow();
    return get(at("/api/usage/top", { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), limit: MOST }), signal);
  }, `top ${scope.key}`, every);
  const range = scope.named ? NAMES[scope.named] : "The chosen range";
  return (
    <Card title="Busiest clients" note={range} span="half" actions={linked && <a href={href("/app/clients", { sort: "calls" })}>All clients</a>}>
      <Answer asked={asked} height={240}>
        {(top) => top.data.length === 0 ? <Empty title="No calls in this range" /> : <TopTable top={top} linked={linked} range={range} />}
      </Answer>
    </Card>
  );
}

function TopTable({ top, linked, range }: { top: Top; linked: boolean; range: string }) {
  const most = top.data[0]?.requestCount ?? 0;
  return (
    <table class="ranked">
      <caption class="hidden">Busiest clients: {range}</caption>
      <thead>
        <tr><th scope="col">Client</th><th scope="col" class="number">Calls</th><th scope="col" class="number">Errors</th><th scope="col" class="number">Mean</th></tr>
      </thead>
      <tbody>
        {top.data.slice(0, MOST).map((row) => (
          <tr key={row.clientId}>
            <th scope="row">
              {linked && !row.clientId.startsWith("anon-") ? <a href={href(`/app/clients/${row.clientId}`)}>{row.name}</a> : row.name}
              <Bar value={row.requestCount} of={most} />
            </th>
            <td class="number" title={count(row.requestCount)}>{short(row.requestCount)}</td>
            <td class="number">{share(row.requestCount ? row.errorCount / row.requestCount : null)}</td>
            <td class="number">{latency(row.avgResponseTime)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
