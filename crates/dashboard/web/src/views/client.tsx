// One client, for admins: its usage, quota, keys, limits, and whether it is let in.

import { useState } from "preact/hooks";

import { get, send } from "../api/http.ts";
import type { Client, RateLimit } from "../api/types.ts";
import { ago, date } from "../lib/format.ts";
import { type Asked, useAsk, useNow } from "../lib/hooks.ts";
import { go, href } from "../lib/place.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Head } from "../ui/head.tsx";
import { Answer, Card, Copy, Failed, Loading, Tag } from "../ui/parts.tsx";
import { EndpointsBrief } from "./endpoints-brief.tsx";
import { KeysCard } from "./keys.tsx";
import { LimitsCard } from "./limits.tsx";
import { Quotas } from "./quota.tsx";
import { TrafficCards } from "./traffic.tsx";

export function ClientView({ id }: { id: string }) {
  const path = `/api/clients/${encodeURIComponent(id)}`;
  const asked = useAsk<Client>((signal) => get(path, signal), `client ${id}`, 15_000);
  const scope = useScope();
  const client = asked.data;
  if (!client) return asked.error ? <Failed problem={asked.error} again={asked.reload} /> : <Loading height={300} />;
  return (
    <>
      <Head title={client.name} note={<Who client={client} zone={scope.zone} />} scope={scope}>
        <Deeds client={client} onChange={asked.reload} />
      </Head>
      <div class="grid">
        {!client.isActive && <p class="notice" role="status">This client is deactivated: it is let in nowhere.</p>}
        <TrafficCards scope={scope} clientId={id} />
        <EndpointsBrief hint={0} clientId={id} scope={scope} />
        <div class="half column">
          <QuotaOf client={client} />
          <LimitsCard client={client} onChange={asked.reload} />
          <KeysCard client={client} onChange={asked.reload} />
        </div>
      </div>
    </>
  );
}

function Who({ client, zone }: { client: Client; zone: string }) {
  const now = useNow(10_000);
  return (
    <>
      <Tag kind={client.role}>{client.role}</Tag> <code>{client.clientId}</code> {client.email && <>· {client.email} </>}
      · registered {date(client.createdAt, zone, "full")} · key last used {ago(client.lastAccessAt, now)}
    </>
  );
}

function QuotaOf({ client }: { client: Client }) {
  const now = useNow(5_000);
  const scope = useScope();
  const [isOpen, open] = useState(false);
  const path = `/api/clients/${encodeURIComponent(client.clientId)}/rate-limit`;
  const asked: Asked<RateLimit> = useAsk((signal) => get(path, signal), `quota ${client.clientId}`, 5_000);
  return (
    <Card title="Quota" note="Events that it may still record" span="half"
      actions={client.role === "client" && <button type="button" class="button small" onClick={() => open(true)}>Give back whole</button>}>
      <Answer asked={asked} height={120}>{(limits) => <Quotas limits={limits} readings={[]} now={now} zone={scope.zone} />}</Answer>
      {isOpen && (
        <Confirm title="Give the quota back whole?" action="Give back" onClose={() => open(false)}
          onConfirm={() => send("DELETE", path).then(asked.reload)}>
          <p>What {client.name} has spent of its limits is forgotten.</p>
        </Confirm>
      )}
    </Card>
  );
}

function Deeds({ client, onChange }: { client: Client; onChange: () => void }) {
  const session = useSession();
  const [open, setOpen] = useState<"active" | "erase" | null>(null);
  const path = `/api/clients/${encodeURIComponent(client.clientId)}`;
  // Admins cannot shut themselves out, and the configured one is not in the store.
  if (client.clientId === session.client.clientId || client.clientId === "CL-admin") return null;
  const close = () => setOpen(null);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen("active")}>{client.isActive ? "Deactivate" : "Activate"}</button>
      <button type="button" class="button danger" onClick={() => setOpen("erase")}>Erase</button>
      {open === "active" && (
        <Confirm title={client.isActive ? `Deactivate ${client.name}?` : `Activate ${client.name}?`} action={client.isActive ? "Deactivate" : "Activate"}
          danger={client.isActive} onClose={close} onConfirm={() => send("PATCH", path, { isActive: !client.isActive }).then(onChange)}>
          <p>{client.isActive ? "Its keys and tokens stop working at once, and its streams end. What it recorded stays." : "Its keys work again."}</p>
        </Confirm>
      )}
      {open === "erase" && (
        <Confirm title={`Erase ${client.name}?`} action="Erase for good" danger onClose={close}
          onConfirm={() => send("DELETE", path).then(() => go(href("/app/clients")))}>
          <p>Its identity, keys and single calls go, for good. Counts stay without its name, so that totals do not change.</p>
          <Copy text={client.clientId} label="Id of the client" />
        </Confirm>
      )}
    </>
  );
}
