// A client's limits, for admins to set.

import { useState } from "preact/hooks";

import { send } from "../api/http.ts";
import type { Client, Limit } from "../api/types.ts";
import { count, duration } from "../lib/format.ts";
import { Dialog, useDeed } from "../ui/dialog.tsx";
import { Card, Field, Tag } from "../ui/parts.tsx";

const MOST = 7;

export function LimitsCard({ client, onChange }: { client: Client; onChange: () => void }) {
  const [isOpen, open] = useState(false);
  const fixed = client.clientId === "CL-admin";
  return (
    <Card title="Limits" span="half" actions={!fixed && <button type="button" class="button small" onClick={() => open(true)}>Change</button>}>
      {client.role === "client"
        ? <ul class="limits">
            <li><strong>default</strong> <span>{count(client.rateLimit)} events per window of the server</span></li>
            {client.limits.map((limit) => (
              <li key={limit.name}>
                <strong>{limit.name}</strong> <span>{count(limit.limit)} in {duration(limit.window)}</span>
                {limit.endpoint && <code>{limit.endpoint}</code>} {limit.shadow && <Tag kind="muted">reports only</Tag>}
              </li>
            ))}
          </ul>
        : <p class="prose">The role {client.role} is not limited.</p>}
      {isOpen && <Change client={client} onClose={() => open(false)} onDone={onChange} />}
    </Card>
  );
}

function Change({ client, onClose, onDone }: { client: Client; onClose: () => void; onDone: () => void }) {
  const [rateLimit, setRateLimit] = useState(String(client.rateLimit));
  const [limits, setLimits] = useState<Limit[]>(client.limits);
  const { busy, error, run } = useDeed(
    () => send("PATCH", `/api/clients/${encodeURIComponent(client.clientId)}`, { rateLimit: Number(rateLimit), limits: limits.map(clean) }),
    () => {
      onDone();
      onClose();
    },
  );
  const set = (index: number, change: Partial<Limit>) => setLimits(limits.map((limit, place) => (place === index ? { ...limit, ...change } : limit)));
  const submit = (event: Event) => {
    event.preventDefault();
    void run();
  };
  return (
    <Dialog title={`Limits of ${client.name}`} onClose={onClose}>
      <form onSubmit={submit}>
        <Field label="Events per window of the server">
          {(field) => <input {...field} type="number" required min={1} max={1_000_000_000} value={rateLimit} onInput={(event) => setRateLimit(event.currentTarget.value)} />}
        </Field>
        {limits.map((limit, index) => (
          <fieldset key={index}>
            <legend>Another limit</legend>
            <div class="row">
              <Field label="Name">{(field) => <input {...field} required pattern="[a-z0-9\-]{1,32}" value={limit.name} onInput={(event) => set(index, { name: event.currentTarget.value })} />}</Field>
              <Field label="Events">{(field) => <input {...field} type="number" required min={1} value={limit.limit} onInput={(event) => set(index, { limit: Number(event.currentTarget.value) })} />}</Field>
              <Field label="In seconds">{(field) => <input {...field} type="number" required min={1} max={2_678_400} value={limit.window} onInput={(event) => set(index, { window: Number(event.currentTarget.value) })} />}</Field>
              <Field label="On a path">{(field) => <input {...field} placeholder="everywhere" value={limit.endpoint ?? ""} onInput={(event) => set(index, { endpoint: event.currentTarget.value })} />}</Field>
            </div>
            <label class="check"><input type="checkbox" checked={limit.shadow ?? false} onChange={(event) => set(index, { shadow: event.currentTarget.checked })} /> Only report, refuse nothing</label>
            <button type="button" class="link" onClick={() => setLimits(limits.filter((_, place) => place !== index))}>Remove</button>
          </fieldset>
        ))}
        {limits.length < MOST && <button type="button" class="button small" onClick={() => setLimits([...limits, { name: "", limit: 100, window: 60 }])}>Add a limit</button>}
        {error && <p class="wrong" role="alert">{error.message}</p>}
        <footer><button class="button primary" aria-disabled={busy}>Save</button></footer>
      </form>
    </Dialog>
  );
}

/** Without what is empty. */
function clean({ name, limit, window, endpoint, shadow }: Limit): Limit {
  return { name, limit, window, ...(endpoint && { endpoint }), ...(shadow && { shadow }) };
}
