// The door: an API key opens it.

import { useEffect, useRef, useState } from "preact/hooks";

import { useDeed } from "../ui/dialog.tsx";
import { Field } from "../ui/parts.tsx";
import { Mark, ThemeChoice } from "../shell.tsx";

export function SignIn({ said, onKey }: { said: string | null; onKey: (key: string) => Promise<void> }) {
  const [key, setKey] = useState("");
  const { busy, error, run, clear } = useDeed(() => onKey(key.trim()), () => setKey(""));
  const wrong = error && (error.status === 401 ? "This key is not known, or not valid any more." : error.message);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    void run();
  };
  return (
    <main class="door">
      <div class="corner"><ThemeChoice /></div>
      <div class="pitch">
        <Mark />
        <h1>Who calls your API,<br />how much, how fast,<br />and with what errors.</h1>
        <Trace />
      </div>
      <form class="card" onSubmit={submit}>
        <h2>Sign in</h2>
        {said && <p class="notice" role="alert">{said}</p>}
        {/* For managers of passwords, which want a name beside it. */}
        <input class="hidden" type="text" name="username" autocomplete="username" value="activity-tracker" readOnly tabIndex={-1} aria-hidden="true" />
        <Field label="API key" error={wrong ?? undefined} hint="It is exchanged for a short-lived token, which is kept in memory alone: after a reload it is asked for again.">
          {(attributes) => (
            <input {...attributes} ref={field} type="password" name="key" autocomplete="current-password" placeholder="atk_…" spellcheck={false}
              required value={key} onInput={(event) => {
                setKey(event.currentTarget.value);
                clear();
              }} />
          )}
        </Field>
        <button class="button primary" aria-disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
        <p class="hint">
          The owner's key was made on the first start; the log names its file, <code>secrets/admin_key</code> in the folder of
          data. Clients use the key that they were given. Reference: <a href="/api-docs/">API docs</a>.
        </p>
      </form>
    </main>
  );
}

/** A beating line, for no other reason than that something is alive here. */
function Trace() {
  return (
    <svg class="trace" viewBox="0 0 600 120" aria-hidden="true">
      <path d="M0 70h90l14-30 18 60 14-40 8 10h96l12-52 20 96 14-58 8 14h88l14-24 16 44 12-20h60l14-44 20 84 12-46 8 6h72" />
    </svg>
  );
}
