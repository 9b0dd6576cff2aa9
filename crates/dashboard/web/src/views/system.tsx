// How the server and its cache do, for admins.

import { useState } from "preact/hooks";

import { get, Problem, send } from "../api/http.ts";
import type { CacheStats, HealthReport, Prewarmed } from "../api/types.ts";
import { ago, bytes, count, latency, share } from "../lib/format.ts";
import { useAsk, useNow } from "../lib/hooks.ts";
import { useDeed } from "../ui/dialog.tsx";
import { Head } from "../ui/head.tsx";
import { Answer, Bar, Card, Empty, Tag } from "../ui/parts.tsx";
import { Tile } from "./tiles.tsx";

export function SystemView() {
  const cache = useAsk<CacheStats>((signal) => get("/api/cache/stats", signal), "cache", 5_000);
  return (
    <>
      <Head title="System" note="The server that answers here" />
      <div class="grid">
        <HealthCard />
        <Answer asked={cache} height={320}>{(stats) => <Cache stats={stats} onWarmed={cache.reload} />}</Answer>
      </div>
    </>
  );
}

/** An unready server tells as much as a ready one, with another status. */
async function health(signal: AbortSignal): Promise<HealthReport> {
  const answer = await fetch("/readyz", { signal, cache: "no-store" }).catch(() => {
    throw new Problem(0, "The server cannot be reached.");
  });
  return (await answer.json()) as HealthReport;
}

function HealthCard() {
  const asked = useAsk(health, "health", 5_000);
  return (
    <Card title="Health" note={asked.data && `Version ${asked.data.version}`}
      actions={asked.data && <Tag kind={asked.data.status === "ok" ? "good" : "bad"}>{asked.data.status}</Tag>}>
      <Answer asked={asked} height={140}>
        {(report) => (
          <ul class="checks">
            {report.checks.map((check) => (
              <li key={check.name} data-ok={check.ok}>
                <i aria-hidden="true">{check.ok ? "✓" : "!"}</i>
                <strong>{check.name}</strong>
                <span>{sized(check.detail)}</span>
                <span class="hidden">{check.ok ? "works" : "does not work"}</span>
              </li>
            ))}
          </ul>
        )}
      </Answer>
    </Card>
  );
}

/** Lengths as the reader writes them. */
const sized = (text: string) => text.replace(/\b(\d{4,}) bytes\b/g, (_, length: string) => bytes(Number(length)));

function Cache({ stats, onWarmed }: { stats: CacheStats; onWarmed: () => void }) {
  const now = useNow(5_000);
  const [warmed, setWarmed] = useState<Prewarmed | null>(null);
  const { busy, error, run } = useDeed(() => send<Prewarmed>("POST", "/api/cache/prewarm"), (result) => {
    setWarmed(result);
    onWarmed();
  });
  const last = warmed ?? stats.lastPrewarm;
  const most = Math.max(1, ...stats.hottestKeys.map((key) => key.hits + key.misses));
  return (
    <>
      <div class="tiles">
        <Tile name="Cache hit rate" value={stats.hits + stats.misses > 0 ? share(stats.hitRate) : "–"}><p>{count(stats.hits)} hits, {count(stats.misses)} misses</p></Tile>
        <Tile name="Answers in the cache" value={count(stats.entries)}><p>{count(stats.stale)} served while renewed</p></Tile>
        <Tile name="Memory of the cache" value={bytes(stats.bytes)}><Bar value={stats.bytes} of={stats.maxBytes} /><p>of {bytes(stats.maxBytes)}</p></Tile>
        <Tile name="Cache last warmed" value={<span class="words">{last ? ago(last.at, now) : "never"}</span>}>
          <p>{last && `${count(last.warmed)} made, ${count(last.skipped)} skipped, ${count(last.failed)} failed`}</p>
          <button type="button" class="button small" aria-disabled={busy} onClick={run}>{busy ? "Warming…" : "Warm now"}</button>
          {error && <p class="wrong" role="alert">{error.message}</p>}
        </Tile>
      </div>
      <Card title="Hottest keys of the cache">
        {stats.hottestKeys.length === 0
          ? <Empty title="Nothing has been asked for yet" />
          : <div class="scroll" tabIndex={0} role="region" aria-label="Hottest keys of the cache">
              <table class="ranked full cached">
                <caption class="hidden">Hottest keys of the cache</caption>
                <thead><tr><th scope="col">Key</th><th scope="col" class="number">Hits</th><th scope="col" class="number">Misses</th><th scope="col" class="number">Cost</th><th scope="col">Last asked</th></tr></thead>
                <tbody>
                  {stats.hottestKeys.map((key) => (
                    <tr key={key.key}>
                      <th scope="row"><span class="path">{key.key}</span><Bar value={key.hits + key.misses} of={most} /></th>
                      <td class="number">{count(key.hits)}</td>
                      <td class="number">{count(key.misses)}</td>
                      <td class="number">{latency(key.costMs)}</td>
                      <td>{ago(key.lastAsked, now)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>}
      </Card>
    </>
  );
}
