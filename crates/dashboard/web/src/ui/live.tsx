// How the live stream stands, in words.

import type { Status } from "../api/stream.ts";
import type { Feed } from "../lib/feed.ts";
import { count } from "../lib/format.ts";
import { useNow } from "../lib/hooks.ts";

export function LivePill({ feed, paused = false }: { feed: Feed; paused?: boolean }) {
  useNow(1_000);
  const [kind, text] = said(feed.status, paused);
  return (
    <span class="pill" data-is={kind} role="status">
      <i aria-hidden="true" />
      {text}
      {feed.status.is === "waiting" && <button type="button" class="link" onClick={() => feed.hurry()}>Now</button>}
    </span>
  );
}

function said(status: Status, paused: boolean): [string, string] {
  switch (status.is) {
    case "live": return paused ? ["paused", "Paused"] : ["live", "Live"];
    case "connecting": return ["connecting", "Connecting"];
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((status.until - Date.now()) / 1_000));
      return ["waiting", seconds > 0 ? `Connection lost, again in ${seconds} s` : "Connection lost, trying"];
    }
    case "ended": return ["ended", "Ended"];
  }
}

/** What the reader did not see. */
export function Lagged({ feed }: { feed: Feed }) {
  if (feed.status.is === "ended") return <p class="notice" role="alert">The stream has ended: {feed.status.reason}.</p>;
  if (feed.missed === 0 && feed.exact) return null;
  return (
    <p class="notice" role="status">
      {feed.missed > 0
        ? `${feed.exact ? "" : "At least "}${count(feed.missed)} events went by without being shown here; they are counted all the same.`
        : "Some events may have gone by without being shown here; they are counted all the same."}{" "}
      <button type="button" class="link" onClick={() => feed.forgetMissed()}>Dismiss</button>
    </p>
  );
}
