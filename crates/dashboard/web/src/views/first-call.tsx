// What to do when nothing was recorded yet.

import { useSession } from "../lib/scope.ts";
import { Copy } from "../ui/parts.tsx";

export function FirstCall({ onRegister, onDismiss }: { onRegister: () => void; onDismiss: () => void }) {
  const { role } = useSession();
  return (
    <section class="card first" aria-labelledby="first-call">
      <header>
        <h2 id="first-call">Nothing was recorded yet</h2>
        <div class="actions"><button type="button" class="button small" onClick={onDismiss}>Hide</button></div>
      </header>
      {role === "admin"
        ? <>
            <p class="prose">Register a client. Its key comes with a line that sends its first call, which appears here as you press Enter.</p>
            <button type="button" class="button primary" onClick={onRegister}>Register a client</button>
          </>
        : <>
            <p class="prose">Send a first call with your key. It appears here within a second.</p>
            <Copy label="Command that sends a first call" text={firstCall("$KEY")} />
          </>}
    </section>
  );
}

/** A line for a shell that records one call. */
export const firstCall = (key: string): string =>
  `curl -s ${location.origin}/api/logs -H "X-API-Key: ${key}" -H 'Content-Type: application/json' ` +
  `-d '{"endpoint":"/hello","method":"GET","statusCode":200,"responseTime":12.5}'`;
