// A range without calls, and the way to the days that have some.

import { date } from "../lib/format.ts";
import { href, usePlace } from "../lib/place.ts";
import { rangeQuery, weekBefore } from "../lib/range.ts";
import { useNewest } from "../lib/recorded.ts";
import type { Scope } from "../lib/scope.ts";
import { Empty } from "../ui/parts.tsx";

interface Props {
  scope: Scope;
  clientId?: string | undefined;
  /** Whether there are filters, which may be why. */
  filtered?: boolean;
}

export function NoCalls({ scope, clientId, filtered = false }: Props) {
  const { path } = usePlace();
  const newest = useNewest(clientId || undefined).data;
  const { from, to } = scope.span;
  const isElsewhere = newest?.at && (newest.at < from || newest.at >= to);
  return (
    <Empty title={newest && newest.at === null ? "Nothing was recorded yet" : "No calls in this range"}>
      {isElsewhere
        ? <>The newest call is of {date(newest.at, scope.zone, "day")}. <a href={href(path, rangeQuery(weekBefore(newest.at ?? 0)))}>Look at the days before it</a></>
        : newest?.at !== null && `${filtered ? "Other filters or another" : "Another"} range may have some.`}
    </Empty>
  );
}
