// Every call as it comes, filtered, and held still on request.

import { useEffect, useMemo, useState } from "preact/hooks";

import { LiveChart } from "../charts/live.tsx";
import type { Filter } from "../api/stream.ts";
import type { LogEntry } from "../api/types.ts";
import { type Feed, ROWS, useEvents, useFeed } from "../lib/feed.ts";
import { count } from "../lib/format.ts";
import { useNow } from "../lib/hooks.ts";
import { useNames } from "../lib/names.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { Events } from "../ui/events.tsx";
import { Filters } from "../ui/filters.tsx";
import { Head } from "../ui/head.tsx";
import { Lagged, LivePill } from "../ui/live.tsx";
import { Card, Empty } from "../ui/parts.tsx";
import { NowTiles } from "./tiles.tsx";

/** Rows on the page; more would be read by nobody. */
const SHOWN = 100;

export function LiveView() {
  const { role } = useSession();
  const scope = useScope();
  const names = useNames(role);
  const now = useNow(1_000);
  const filter = useMemo(() => readFilter(scope.get), [scope]);
  const feed = useFeed("logs", filter);
  const [held, hold] = useState<Held | null>(null);
  useEffect(() => hold(null), [feed]);
  const toggle = () => hold(held ? null : { rows: feed.rows.newest(SHOWN), total: feed.total });
  return (
    <>
      <Head title="Live" note="Calls within a second of being recorded" scope={scope} zoneOnly>
        <LivePill feed={feed} paused={held !== null} />
        <button type="button" class={held ? "button primary" : "button"} onClick={toggle}>
          {held ? <GoOn feed={feed} held={held} /> : "Pause"}
        </button>
      </Head>
      <Filters scope={scope} names={names} endpointHint="Path and all below it" />
      <Lagged feed={feed} />
      <div class="grid">
        <div class="tiles three"><NowTiles feed={feed} now={now} /></div>
        <Card title="Last two minutes" note="Calls each second">
          <LiveChart pulse={feed.pulse} now={now} zone={scope.zone} height={150} />
        </Card>
        <Calls feed={feed} held={held} zone={scope.zone} names={names} linked={role === "admin"} filtered={Object.keys(filter).length > 0} />
      </div>
    </>
  );
}

/** What is shown while the reader looks at it. */
interface Held {
  rows: LogEntry[];
  /** Events before it was held. */
  total: number;
}

function GoOn({ feed, held }: { feed: Feed; held: Held }) {
  useEvents(feed);
  const waiting = feed.total - held.total;
  return <>{waiting > 0 ? `Go on (${count(waiting)} new)` : "Go on"}</>;
}

interface CallsProps {
  feed: Feed;
  held: Held | null;
  zone: string;
  names: Map<string, string> | null;
  linked: boolean;
  filtered: boolean;
}

function Calls({ feed, held, filtered, ...how }: CallsProps) {
  useEvents(feed);
  const rows = held?.rows ?? feed.rows.newest(SHOWN);
  return (
    <Card title="Calls" note={`${count(feed.total)} since this page was opened; the latest ${SHOWN} are shown`}>
      {rows.length === 0
        ? <Empty title="Waiting for a call">{filtered ? "None has fitted these filters yet." : "The next one that is recorded appears here."}</Empty>
        : <Events {...how} rows={rows} caption={`Live calls, at most ${ROWS} kept`} lively={!held} />}
    </Card>
  );
}

/** The filter of the URL, as a stream takes it. */
function readFilter(get: (name: string) => string): Filter {
  const filter: Filter = {};
  if (get("client")) filter.clientId = get("client");
  if (get("endpoint")) filter.endpoint = get("endpoint");
  if (get("method")) filter.method = get("method");
  if (get("status")) filter.status = get("status");
  return filter;
}
