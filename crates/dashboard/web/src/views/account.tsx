// One's own account and keys.

import { get } from "../api/http.ts";
import type { Client } from "../api/types.ts";
import { date } from "../lib/format.ts";
import { useAsk } from "../lib/hooks.ts";
import { useScope, useSession } from "../lib/scope.ts";
import { Head } from "../ui/head.tsx";
import { Answer, Card } from "../ui/parts.tsx";
import { KeysCard } from "./keys.tsx";

export function AccountView() {
  const session = useSession();
  const { zone } = useScope();
  const id = session.client.clientId;
  const asked = useAsk<Client>((signal) => get(`/api/clients/${encodeURIComponent(id)}`, signal), `me ${id}`, 15_000);
  return (
    <>
      <Head title={session.role === "admin" ? "Account" : "Keys"} note={session.client.name} />
      <div class="grid">
        {id === "CL-admin"
          ? <Card title="Keys" span="half"><p class="prose">This admin's key is configured (<code>ADMIN_API_KEY</code>) or lies in the folder of data. It is changed there, with a restart.</p></Card>
          : <Answer asked={asked} height={200}>{(client) => <KeysCard client={client} onChange={asked.reload} />}</Answer>}
        <Card title="This account" span="half">
          <dl class="facts">
            <div><dt>Name</dt><dd>{session.client.name}</dd></div>
            <div><dt>Id</dt><dd><code>{id}</code></dd></div>
            <div><dt>Email</dt><dd>{session.client.email ?? "–"}</dd></div>
            <div><dt>Role</dt><dd>{session.role}</dd></div>
            {id !== "CL-admin" && <div><dt>Registered</dt><dd>{date(session.client.createdAt, zone, "full")}</dd></div>}
            <div><dt>This session ends</dt><dd>{date(session.endsAt, zone, "full")}</dd></div>
          </dl>
        </Card>
      </div>
    </>
  );
}
