// Signed in or not, and which view.

import type { ComponentType } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";

import { now } from "./api/http.ts";
import { OVER, type Session, signIn, signOut } from "./api/session.ts";
import { keepFocus } from "./lib/focus.ts";
import { followLinks, go, usePlace } from "./lib/place.ts";
import { SessionContext } from "./lib/scope.ts";
import { Shell } from "./shell.tsx";
import { AccountView } from "./views/account.tsx";
import { ClientView } from "./views/client.tsx";
import { ClientsView } from "./views/clients.tsx";
import { EndpointsView } from "./views/endpoints.tsx";
import { LiveView } from "./views/live.tsx";
import { LogView } from "./views/log.tsx";
import { Overview } from "./views/overview.tsx";
import { SignIn } from "./views/signin.tsx";
import { SystemView } from "./views/system.tsx";
import { TrafficView } from "./views/traffic.tsx";
import { Empty } from "./ui/parts.tsx";

const VIEWS: Record<string, { view: ComponentType; admin?: boolean }> = {
  "": { view: Overview },
  live: { view: LiveView },
  traffic: { view: TrafficView },
  endpoints: { view: EndpointsView },
  log: { view: LogView },
  account: { view: AccountView },
  clients: { view: ClientsView, admin: true },
  system: { view: SystemView, admin: true },
};

export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [said, say] = useState<string | null>(null);
  const leave = useCallback((reason: string | null) => {
    signOut();
    setSession(null);
    say(reason);
  }, []);
  // Whoever comes next need not see where this one was.
  const out = useCallback(() => {
    go("/");
    leave(null);
  }, []);
  const enter = useCallback(async (key: string) => {
    setSession(await signIn(key, leave));
    say(null);
  }, []);
  useEffect(() => {
    const heard = (event: MouseEvent) => {
      followLinks(event);
      keepFocus(event);
    };
    document.addEventListener("click", heard);
    return () => document.removeEventListener("click", heard);
  }, []);
  useEffect(() => {
    if (!session) return;
    // Timers are not asked for more than they can count.
    const left = Math.min(session.endsAt - now(), 2 ** 31 - 1);
    const timer = setTimeout(() => leave(OVER), left);
    return () => clearTimeout(timer);
  }, [session]);

  if (!session) return <SignIn said={said} onKey={enter} />;
  return (
    <SessionContext.Provider value={session}>
      <Shell onLeave={out}>
        <View admin={session.role === "admin"} />
      </Shell>
    </SessionContext.Provider>
  );
}

function View({ admin }: { admin: boolean }) {
  const { path } = usePlace();
  const [, first = "", second] = path.replace(/^\/app(?=\/|$)/, "").split("/");
  if (first === "clients" && second && admin) return <ClientView id={decodeURIComponent(second)} key={second} />;
  const found = VIEWS[first];
  if (found && !second && (admin || !found.admin)) return <found.view />;
  return <Empty title="There is no such view"><a href="/">Go to the overview</a></Empty>;
}
