// The numbers behind a chart, as a table that is there when it is asked for.

import { useState } from "preact/hooks";

/** A table of more rows would hold up the page; the newest are the ones that count. */
const MOST = 400;

interface Props {
  caption: string;
  head: string[];
  rows: () => (string | number)[][];
}

export function Numbers({ caption, head, rows }: Props) {
  const [isOpen, open] = useState(false);
  const all = isOpen ? rows() : [];
  const shown = all.slice(-MOST);
  return (
    <details class="numbers" onToggle={(event) => open(event.currentTarget.open)}>
      <summary>Numbers</summary>
      {isOpen && (
        <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
          <table>
            <caption>{caption}{all.length > MOST ? `, the last ${MOST} rows` : ""}</caption>
            <thead><tr>{head.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
            <tbody>
              {shown.map((row, index) => (
                <tr key={index}>{row.map((cell, column) => (
                  column === 0 ? <th scope="row" key={column}>{cell}</th> : <td key={column}>{cell}</td>
                ))}</tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
