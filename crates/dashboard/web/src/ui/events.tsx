// Events as a table.

import type { LogEntry } from "../api/types.ts";
import { date, latency, type Shape } from "../lib/format.ts";
import { href } from "../lib/place.ts";
import { Status } from "./parts.tsx";

interface Props {
  rows: LogEntry[];
  zone: string;
  caption: string;
  shape?: Shape;
  /** Names of clients, where whose call it was is shown. */
  names?: Map<string, string> | null;
  linked?: boolean;
  fresh?: boolean;
}

export function Events({ rows, zone, caption, shape = "stamp", names = null, linked = false, fresh = false }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class={fresh ? "events fresh" : "events"}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Status</th>
            <th scope="col">Method</th>
            <th scope="col" class="wide">Endpoint</th>
            <th scope="col" class="number">Latency</th>
            {names && <th scope="col">Client</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td class="time">{date(row.timestamp, zone, shape)}</td>
              <td><Status code={row.statusCode} /></td>
              <td class="method">{row.method}</td>
              <td class="path" title={row.errorMessage ?? row.endpoint}>
                {row.endpoint}
                {row.errorMessage && <small>{row.errorMessage}</small>}
              </td>
              <td class="number">{latency(row.responseTime)}</td>
              {names && <td class="who">{whose(row.clientId, names, linked)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function whose(id: string, names: Map<string, string>, linked: boolean) {
  const name = names.get(id) ?? id;
  return linked ? <a href={href(`/app/clients/${id}`)}>{name}</a> : name;
}
