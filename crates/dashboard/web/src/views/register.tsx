// Registers a client. Its key is shown this once.

import { useState } from "preact/hooks";

import { send } from "../api/http.ts";
import type { Registered } from "../api/types.ts";
import { href } from "../lib/place.ts";
import { Dialog, useDeed, wrongWith } from "../ui/dialog.tsx";
import { Copy, Field } from "../ui/parts.tsx";
import { firstCall } from "./first-call.tsx";

export function Register({ onClose, onDone }: { onClose: () => void; onDone?: () => void }) {
  const [made, setMade] = useState<Registered | null>(null);
  return (
    <Dialog title={made ? "Keep this key" : "Register a client"} onClose={onClose}>
      {made
        ? <Made made={made} onClose={onClose} />
        : <Form onMade={(client) => {
            setMade(client);
            onDone?.();
          }} />}
    </Dialog>
  );
}

function Form({ onMade }: { onMade: (made: Registered) => void }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("client");
  const [limit, setLimit] = useState("");
  const { busy, error, run } = useDeed(
    () => send<Registered>("POST", "/api/register", { name, email, role, ...(limit && { rateLimit: Number(limit) }) }),
    onMade,
  );
  const known = ["name", "email", "rateLimit", "role"].some((field) => wrongWith(error, field));
  const submit = (event: Event) => {
    event.preventDefault();
    void run();
  };
  return (
    <form onSubmit={submit}>
      <Field label="Name" error={wrongWith(error, "name")}>
        {(field) => <input {...field} name="name" required maxLength={100} autofocus value={name} onInput={(event) => setName(event.currentTarget.value)} />}
      </Field>
      <Field label="Email" error={wrongWith(error, "email") ?? (error?.status === 409 ? error.message : undefined)}>
        {(field) => <input {...field} name="email" type="email" required value={email} onInput={(event) => setEmail(event.currentTarget.value)} />}
      </Field>
      <Field label="Role" hint={HINTS[role] ?? ""} error={wrongWith(error, "role")}>
        {(field) => (
          <select {...field} value={role} onChange={(event) => setRole(event.currentTarget.value)}>
            {Object.keys(HINTS).map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        )}
      </Field>
      {role === "client" && (
        <Field label="Events per window" hint="Empty: what the server gives everybody" error={wrongWith(error, "rateLimit")}>
          {(field) => <input {...field} type="number" min={1} max={1_000_000_000} value={limit} onInput={(event) => setLimit(event.currentTarget.value)} />}
        </Field>
      )}
      {error && !known && error.status !== 409 && <p class="wrong" role="alert">{error.message}</p>}
      <footer><button class="button primary" aria-disabled={busy}>{busy ? "Registering…" : "Register"}</button></footer>
    </form>
  );
}

const HINTS: Record<string, string> = {
  client: "Records its own calls, sees its own usage.",
  service: "A gateway or back end: records for any client, sees all usage.",
  admin: "Manages clients and keys.",
};

function Made({ made, onClose }: { made: Registered; onClose: () => void }) {
  return (
    <div class="stack">
      <p class="prose">This is the key of <strong>{made.name}</strong> (<code>{made.clientId}</code>). It is shown this once and not stored: hand it over or keep it now.</p>
      <Copy text={made.apiKey} label="API key" first />
      <p class="prose">A first call:</p>
      <Copy text={firstCall(made.apiKey)} label="Command that sends a first call" />
      <footer>
        <a class="button" href={href(`/app/clients/${made.clientId}`)} onClick={onClose}>Look at it</a>
        <button type="button" class="button primary" onClick={onClose}>Done</button>
      </footer>
    </div>
  );
}
