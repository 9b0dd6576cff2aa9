// How much, how fast, over a chosen range.

import { at, get } from "../api/http.ts";
import type { Series } from "../api/types.ts";
import { LatencyChart } from "../charts/latency.tsx";
import { byOutcome } from "../charts/stack.ts";
import { TrafficChart } from "../charts/traffic.tsx";
import { count, latency, NONE, pace, share, short } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { useNames } from "../lib/names.ts";
import { bucketFor, LONGEST_GROUPED } from "../lib/range.ts";
import { type Scope, useScope, useSession } from "../lib/scope.ts";
import { ClientChoice } from "../ui/client-choice.tsx";
import { Head } from "../ui/head.tsx";
import { Answer, Card, Empty } from "../ui/parts.tsx";
import { EndpointsBrief } from "./endpoints-brief.tsx";
import { NoCalls } from "./no-calls.tsx";
import { Tile } from "./tiles.tsx";
import { TopOfRange } from "./top.tsx";

const WORDS = { "1m": "minute", "5m": "5 minutes", "15m": "quarter of an hour", "1h": "hour", "1d": "day" };
/** Milliseconds between questions about a range that goes on. */
const EVERY = 15_000;

/** Fingers scroll. */
const CAN_DRAG = matchMedia("(hover: hover)").matches;

export function TrafficView() {
  const { role } = useSession();
  const scope = useScope();
  const names = useNames(role);
  const clientId = scope.get("client") || undefined;
  return (
    <>
      <Head title="Traffic" note={CAN_DRAG ? "Drag over a chart to look closer" : undefined} scope={scope}>
        <ClientChoice names={names} value={scope.get("client")} />
      </Head>
      <div class="grid">
        <TrafficCards scope={scope} clientId={clientId} />
        {!clientId && role !== "client" && <TopOfRange scope={scope} linked={role === "admin"} every={scope.named ? EVERY : 0} />}
        <EndpointsBrief hint={0} wide={!!clientId || role === "client"} clientId={clientId} scope={scope} />
      </div>
    </>
  );
}

/** Of everybody, or of one client. */
export function TrafficCards({ scope, clientId }: { scope: Scope; clientId?: string | undefined }) {
  const ask = (group: "status" | "none") => async (signal: AbortSignal) => {
    const span = await scope.spanNow(clientId);
    const isLong = span.to - span.from > LONGEST_GROUPED;
    const series = await get<Series>(at("/api/usage/series", {
      from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(),
      bucket: bucketFor(span, Date.now()), timezone: scope.zone, groupBy: isLong ? "none" : group, clientId,
    }), signal);
    return group === "status" && isLong ? byOutcome(series) : series;
  };
  const every = scope.named ? EVERY : 0;
  const key = `${scope.key} ${clientId ?? ""}`;
  const byStatus = useAsk(ask("status"), `status ${key}`, every);
  const all = useAsk(ask("none"), `all ${key}`, every);
  const bucket = all.data && WORDS[all.data.bucket];
  return (
    <>
      <Totals series={all.data} />
      <Card title="Calls by status" note={bucket && `Each ${bucket}`}>
        <Answer asked={byStatus} height={300}>
          {(series) => !hasCalls(series)
            ? <NoCalls scope={scope} clientId={clientId} />
            : <TrafficChart series={series} zone={scope.zone} onSelect={scope.zoom} />}
        </Answer>
      </Card>
      <Card title="Latency" note={bucket && `p50, p95 and p99 of each ${bucket}, logarithmic`}>
        <Answer asked={all} height={260}>
          {(series) => (series.series[0]?.points ?? []).every((point) => point.p50 === null)
            ? <Empty title="No response times in this range">{hasCalls(series) && "The calls of this range were recorded without them."}</Empty>
            : <LatencyChart series={series} zone={scope.zone} onSelect={scope.zoom} />}
        </Answer>
      </Card>
    </>
  );
}

const hasCalls = ({ series }: Series) => series.some(({ points }) => points.some((point) => point.requestCount > 0));

function Totals({ series }: { series: Series | null }) {
  const points = series?.series[0]?.points ?? [];
  const requests = points.reduce((sum, point) => sum + point.requestCount, 0);
  const errors = points.reduce((sum, point) => sum + point.errorCount, 0);
  const timed = points.filter((point) => point.avgResponseTime !== null);
  const calls = timed.reduce((sum, point) => sum + point.requestCount, 0);
  const mean = calls > 0 ? timed.reduce((sum, point) => sum + (point.avgResponseTime ?? 0) * point.requestCount, 0) / calls : null;
  const seconds = series ? (Math.min(Date.parse(series.to), Date.parse(series.generatedAt)) - Date.parse(series.from)) / 1_000 : 0;
  const isTimed = mean !== null || requests === 0;
  const busiest = points.reduce((most, point) => Math.max(most, point.requestCount), 0);
  if (!series) {
    return <div class="tiles">{["Calls", "Errors", "Mean latency", "Busiest"].map((name) => <Tile key={name} name={name} value={NONE} />)}</div>;
  }
  return (
    <div class="tiles">
      <Tile name="Calls" value={<span title={count(requests)} data-test="calls">{short(requests)}</span>}><p>{seconds > 0 ? pace(requests / seconds) : ""}</p></Tile>
      <Tile name="Errors" value={short(errors)} tone={errors > 0 ? "warn" : "good"}><p>{share(requests ? errors / requests : null)} of all calls</p></Tile>
      <Tile name="Mean latency" value={latency(mean)}><p>{isTimed ? "Of calls with a response time" : "No response times were recorded"}</p></Tile>
      <Tile name="Busiest" value={short(busiest)}><p>Calls in one {WORDS[series.bucket]}</p></Tile>
    </div>
  );
}
