// All at a glance. For a client it begins with what is left of its quota.

import { useState } from "preact/hooks";

import { CompareChart } from "../charts/compare.tsx";
import { LiveChart } from "../charts/live.tsx";
import { useDay } from "../lib/day.ts";
import { type Feed, useEvents, useFeed } from "../lib/feed.ts";
import { useNow, useThrottled } from "../lib/hooks.ts";
import { useNames } from "../lib/names.ts";
import { href } from "../lib/place.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { Events } from "../ui/events.tsx";
import { Head } from "../ui/head.tsx";
import { Lagged, LivePill } from "../ui/live.tsx";
import { Answer, Card, Empty } from "../ui/parts.tsx";
import { EndpointsBrief } from "./endpoints-brief.tsx";
import { Quiet } from "./quiet.tsx";
import { QuotaCard } from "./quota.tsx";
import { Register } from "./register.tsx";
import { NowTiles, TodayTile } from "./tiles.tsx";
import { TopCard } from "./top.tsx";

const EVERYTHING = {};

/** Milliseconds between questions that the stream's hints bring about. */
const CALM = 4_000;

export function Overview() {
  const { role, client } = useSession();
  const scope = useScope();
  const feed = useFeed("all", EVERYTHING);
  const names = useNames(role);
  const now = useNow(1_000);
  const hint = useThrottled(feed.usage, CALM);
  const day = useDay(scope.zone, undefined, hint);
  const [dismissed, dismiss] = useState(false);
  const [isRegistering, register] = useState(false);
  const is = day.data?.soFar;
  const isQuiet = !dismissed && is && is.today + is.yesterday + is.lastWeek === 0 && feed.total === 0 && feed.rows.size === 0;
  return (
    <>
      <Head title="Overview" note={role === "client" ? client.name : "All clients"} scope={scope} zoneOnly>
        <LivePill feed={feed} />
      </Head>
      <Lagged feed={feed} />
      {isQuiet && <Quiet zone={scope.zone} onRegister={() => register(true)} onDismiss={() => dismiss(true)} />}
      {/* Outside: it stays when the first call has come. */}
      {isRegistering && <Register onClose={() => register(false)} />}
      <div class="grid">
        <div class="tiles">
          <NowTiles feed={feed} now={now} />
          <TodayTile day={day} />
        </div>
        {role === "client" && <QuotaCard limits={feed.limits} now={now} zone={scope.zone} />}
        <Card title="Right now" note="Calls each second of the last two minutes" span="half">
          <LiveChart pulse={feed.pulse} now={now} zone={scope.zone} height={228} />
        </Card>
        <Card title="Today" note="Calls by hour" span="half">
          <Answer asked={day} height={230}>{(data) => <CompareChart {...data} />}</Answer>
        </Card>
        {role !== "client" && <TopCard told={feed.top} hint={hint} linked={role === "admin"} />}
        <EndpointsBrief hint={hint} wide={role === "client"} />
        <Latest feed={feed} zone={scope.zone} names={names} linked={role === "admin"} />
      </div>
    </>
  );
}

interface LatestProps {
  feed: Feed;
  zone: string;
  names: Map<string, string> | null;
  linked: boolean;
}

function Latest({ feed, ...how }: LatestProps) {
  useEvents(feed);
  return (
    <Card title="Latest calls" actions={<a href={href("/app/live")}>Watch live</a>}>
      {feed.rows.size === 0
        ? <Empty title="Nothing in the last two minutes">Calls appear here within a second of being recorded.</Empty>
        : <Events {...how} rows={feed.rows.newest(8)} caption="Latest calls" lively />}
    </Card>
  );
}
