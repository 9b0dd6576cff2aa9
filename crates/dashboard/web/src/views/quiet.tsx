// Nothing of late: how to begin, or the way to what was recorded long ago.

import { date } from "../lib/format.ts";
import { href } from "../lib/place.ts";
import { rangeQuery, weekBefore } from "../lib/range.ts";
import { useNewest } from "../lib/recorded.ts";
import { FirstCall } from "./first-call.tsx";

interface Props {
  zone: string;
  onRegister: () => void;
  onDismiss: () => void;
}

export function Quiet({ zone, onRegister, onDismiss }: Props) {
  const newest = useNewest().data;
  if (!newest) return null;
  if (newest.at === null) return <FirstCall onRegister={onRegister} onDismiss={onDismiss} />;
  return (
    <section class="card first" aria-labelledby="quiet">
      <header>
        <h2 id="quiet">Nothing was recorded of late</h2>
        <div class="actions"><button type="button" class="button small" onClick={onDismiss}>Hide</button></div>
      </header>
      <p class="prose">The newest call is of {date(newest.at, zone, "day")}. This page shows what happens now.</p>
      <a class="button primary" href={href("/app/traffic", rangeQuery(weekBefore(newest.at)))}>Look at the days before it</a>
    </section>
  );
}
