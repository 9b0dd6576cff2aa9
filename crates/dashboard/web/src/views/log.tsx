// Single calls of a range, page by page, and as a CSV file.

import { useEffect, useRef, useState } from "preact/hooks";

import { at, get, Problem } from "../api/http.ts";
import type { LogEntry, LogPage } from "../api/types.ts";
import { downloadCsv, MOST_ROWS, save } from "../lib/csv.ts";
import { count } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { useNames } from "../lib/names.ts";
import { type Scope, useScope, useSession } from "../lib/scope.ts";
import { useDeed } from "../ui/dialog.tsx";
import { Events } from "../ui/events.tsx";
import { Filters } from "../ui/filters.tsx";
import { Head } from "../ui/head.tsx";
import { Answer, Card } from "../ui/parts.tsx";
import { NoCalls } from "./no-calls.tsx";

const PAGE = 100;
/** Rows on the page. Beyond them there is the file. */
const MOST_SHOWN = 2_000;

export function LogView() {
  const { role } = useSession();
  const scope = useScope();
  const names = useNames(role);
  const filters = { clientId: scope.get("client"), endpoint: scope.get("endpoint"), method: scope.get("method"), status: scope.get("status") };
  const key = `log ${scope.key} ${JSON.stringify(filters)}`;
  // More pages have to belong to the range of the first one.
  const span = useRef(scope.span);
  const query = () => ({ from: new Date(span.current.from).toISOString(), to: new Date(span.current.to).toISOString(), ...filters });
  const asked = useAsk<LogPage>(async (signal) => {
    span.current = await scope.spanNow(filters.clientId);
    return get(at("/api/logs", { ...query(), limit: PAGE }), signal);
  }, key);
  return (
    <>
      <Head title="Log" note="Single calls, newest first" scope={scope}>
        <button type="button" class="button" onClick={asked.reload}>Refresh</button>
        <DownloadButton query={query} key={key} />
      </Head>
      <Filters scope={scope} names={names} endpointHint="This path, with {id} for ids" />
      <div class="grid">
        <Card title="Calls">
          <Answer asked={asked} height={420}>
            {(page) => <Pages first={page} query={query} scope={scope} names={names} linked={role === "admin"} />}
          </Answer>
        </Card>
      </div>
    </>
  );
}

interface PagesProps {
  first: LogPage;
  query: () => Record<string, string>;
  scope: Scope;
  names: Map<string, string> | null;
  linked: boolean;
}

function Pages({ first, query, scope, names, linked }: PagesProps) {
  const [more, setMore] = useState<{ rows: LogEntry[]; cursor: string | null }>({ rows: [], cursor: first.nextCursor ?? null });
  useEffect(() => setMore({ rows: [], cursor: first.nextCursor ?? null }), [first]);
  const { busy, error, run } = useDeed(
    () => get<LogPage>(at("/api/logs", { ...query(), limit: PAGE, cursor: more.cursor })),
    (page) => setMore((old) => ({ rows: [...old.rows, ...page.data], cursor: page.nextCursor ?? null })),
  );
  const rows = [...first.data, ...more.rows];
  if (rows.length === 0 && !more.cursor) return <NoCalls scope={scope} clientId={scope.get("client")} filtered />;
  return (
    <>
      {rows.length > 0 && <Events rows={rows} zone={scope.zone} caption="Calls" names={names} linked={linked} shape="moment" />}
      {error && <p class="wrong" role="alert">{error.message}</p>}
      <p class="more">
        {count(rows.length)} shown.{" "}
        {more.cursor && (rows.length < MOST_SHOWN
          ? <button type="button" class="button small" aria-disabled={busy} onClick={run}>{busy ? "Loading…" : "Show more"}</button>
          : "More are in the file.")}
      </p>
    </>
  );
}

function DownloadButton({ query }: { query: () => Record<string, string> }) {
  const [rows, setRows] = useState<number | null>(null);
  const [said, say] = useState("");
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  const start = async () => {
    if (rows !== null) return control.current?.abort();
    const abort = new AbortController();
    control.current = abort;
    setRows(0);
    say("");
    try {
      const file = await downloadCsv(query(), setRows, abort.signal);
      save(file.blob, `calls-${new Date().toISOString().slice(0, 10)}.csv`);
      say(file.isCut ? `The file has the newest ${count(MOST_ROWS)} calls. A shorter range has the others.` : `${count(file.rows)} calls in the file`);
    } catch (error) {
      if (!abort.signal.aborted) say(error instanceof Problem ? error.message : "The file could not be made.");
    }
    setRows(null);
  };
  return (
    <>
      <span class="hint" role="status">{said}</span>
      <button type="button" class="button" onClick={start}>{rows === null ? "Download CSV" : `${count(rows)} rows, stop`}</button>
    </>
  );
}
