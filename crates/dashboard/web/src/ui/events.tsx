// Events as a table.

import { Component } from "preact";
import { useEffect, useRef } from "preact/hooks";

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
  /** Whether rows that come light up. */
  lively?: boolean;
}

/** Rows that come at once. Of more, none lights up: all would flicker. */
const FEW = 5;

export function Events({ rows, zone, caption, shape = "stamp", names = null, linked = false, lively = false }: Props) {
  const newest = useRef(rows[0]?.id);
  const came = rows.findIndex((row) => row.id === newest.current);
  useEffect(() => void (newest.current = rows[0]?.id));
  const isFew = lively && came <= FEW && (came >= 0 || rows.length <= FEW);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="events">
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
          {rows.map((row) => <Row key={row.id} row={row} zone={zone} shape={shape} names={names} linked={linked} fresh={isFew} />)}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  row: LogEntry;
  zone: string;
  shape: Shape;
  names: Map<string, string> | null;
  linked: boolean;
  fresh: boolean;
}

/** Drawn once, unless what is around it changes. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const { row, zone, shape, names, linked } = this.props;
    return next.row !== row || next.zone !== zone || next.shape !== shape || next.names !== names || next.linked !== linked;
  }

  override render({ row, zone, shape, names, linked, fresh }: RowProps) {
    return (
      <tr class={fresh ? "fresh" : undefined}>
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
    );
  }
}

function whose(id: string, names: Map<string, string>, linked: boolean) {
  const name = names.get(id) ?? id;
  return linked ? <a href={href(`/app/clients/${id}`)}>{name}</a> : name;
}
