// A client's keys: make, rotate, revoke.

import { useEffect, useRef, useState } from "preact/hooks";

import { send } from "../api/http.ts";
import type { Client, Key, NewKey } from "../api/types.ts";
import { isLost } from "../lib/focus.ts";
import { ago, date } from "../lib/format.ts";
import { useNow } from "../lib/hooks.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { Confirm, Dialog, useDeed } from "../ui/dialog.tsx";
import { Card, Copy, Empty, Field, Tag } from "../ui/parts.tsx";

export function KeysCard({ client, onChange }: { client: Client; onChange: () => void }) {
  const { zone } = useScope();
  const session = useSession();
  const now = useNow(5_000);
  const [open, setOpen] = useState<"new" | Key | null>(null);
  const path = `/api/clients/${encodeURIComponent(client.clientId)}/keys`;
  const inForce = client.keys.filter((key) => !key.expiresAt || Date.parse(key.expiresAt) > now);
  const maker = useRef<HTMLButtonElement>(null);
  const isRevoked = useRef(false);
  useEffect(() => {
    // A key that is revoked takes its button along, which had the focus.
    if (isRevoked.current && isLost()) maker.current?.focus({ preventScroll: true });
    isRevoked.current = false;
  }, [client.keys.length]);
  const revoke = async (key: Key) => {
    await send("DELETE", `${path}/${key.keyId}`);
    isRevoked.current = true;
    onChange();
  };
  return (
    <Card title="Keys" span="half" actions={<button type="button" class="button small" ref={maker} onClick={() => setOpen("new")}>{client.keys.length > 0 ? "Rotate" : "New key"}</button>}>
      {client.keys.length === 0
        ? <Empty title="No keys">Nobody can call as this client until it gets one.</Empty>
        : <div class="scroll" tabIndex={0} role="region" aria-label="Keys">
            <table class="ranked keys">
              <caption class="hidden">Keys</caption>
              <thead><tr><th scope="col">Key</th><th scope="col">Made</th><th scope="col">Ends</th><th scope="col">Last used</th><th scope="col"><span class="hidden">Revoke</span></th></tr></thead>
              <tbody>
                {client.keys.map((key) => (
                  <tr key={key.keyId}>
                    <th scope="row"><code>atk_{key.keyId}_…</code> {key.keyId === session.keyId && <Tag kind="good">this session</Tag>}</th>
                    <td>{date(key.createdAt, zone, "day")}</td>
                    <td>{key.expiresAt ? ago(key.expiresAt, now) : "never"}</td>
                    <td>{ago(key.lastUsedAt, now)}</td>
                    <td class="number"><button type="button" class="button small danger" aria-label={`Revoke ${key.keyId}`} onClick={() => setOpen(key)}>Revoke</button></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>}
      {open === "new" && <NewKeyDialog path={path} has={inForce.length} onDone={onChange} onClose={() => setOpen(null)} />}
      {open && open !== "new" && (
        <Confirm title="Revoke this key?" action="Revoke" danger onClose={() => setOpen(null)}
          onConfirm={() => revoke(open)}>
          <p><code>atk_{open.keyId}_…</code> stops working within a second, with the tokens made from it and the streams it opened.</p>
          {open.keyId === session.keyId && <p><strong>You have signed in with this key:</strong> it ends this session.</p>}
          {inForce.length === 1 && inForce[0]?.keyId === open.keyId && <p><strong>It is the last one.</strong> Only an admin can make another.</p>}
        </Confirm>
      )}
    </Card>
  );
}

const OVERLAPS: [string, string][] = [["", "They stay as they are"], ["0", "End at once"], ["3600", "End in an hour"], ["86400", "End in a day"], ["604800", "End in a week"]];
const ENDS: [string, string][] = [["", "Never"], ["2592000", "In 30 days"], ["7776000", "In 90 days"], ["31536000", "In a year"]];

interface NewProps {
  path: string;
  has: number;
  onDone: () => void;
  onClose: () => void;
}

function NewKeyDialog({ path, has, onDone, onClose }: NewProps) {
  const [overlap, setOverlap] = useState(has > 0 ? "86400" : "");
  const [expiresIn, setExpiresIn] = useState("");
  const [made, setMade] = useState<NewKey | null>(null);
  const { busy, error, run } = useDeed(
    () => send<NewKey>("POST", path, { ...(overlap !== "" && { overlap: Number(overlap) }), ...(expiresIn && { expiresIn: Number(expiresIn) }) }),
    (key) => {
      setMade(key);
      onDone();
    },
  );
  if (made) {
    return (
      <Dialog title="Keep this key" onClose={onClose}>
        <div class="stack">
          <p class="prose">It is shown this once and not stored.</p>
          <Copy text={made.apiKey} label="API key" first />
          <footer><button type="button" class="button primary" onClick={onClose}>Done</button></footer>
        </div>
      </Dialog>
    );
  }
  const submit = (event: Event) => {
    event.preventDefault();
    void run();
  };
  const choice = (options: [string, string][], value: string, set: (value: string) => void) => (field: { id: string }) => (
    <select {...field} value={value} onChange={(event) => set(event.currentTarget.value)}>
      {options.map(([key, name]) => <option key={key} value={key}>{name}</option>)}
    </select>
  );
  return (
    <Dialog title={has > 0 ? "Rotate the key" : "A new key"} onClose={onClose}>
      <form onSubmit={submit}>
        {has > 0 && <Field label="Older keys" hint="Until they end, both work: time to change over">{choice(OVERLAPS, overlap, setOverlap)}</Field>}
        <Field label="The new key ends">{choice(ENDS, expiresIn, setExpiresIn)}</Field>
        {error && <p class="wrong" role="alert">{error.message}</p>}
        <footer><button class="button primary" aria-disabled={busy}>Make a key</button></footer>
      </form>
    </Dialog>
  );
}
