// What stands around every view: where one can go, and what is looked at.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import { toMain } from "./lib/focus.ts";
import { useNow } from "./lib/hooks.ts";
import { href, usePlace } from "./lib/place.ts";
import { useSession } from "./lib/scope.ts";
import { choose, type Choice, useTheme } from "./lib/theme.ts";
import { ICONS } from "./ui/icons.tsx";

interface Way {
  path: string;
  name: string;
  icon: keyof typeof ICONS;
}

function ways(role: string): Way[] {
  const all: (Way & { admin?: boolean })[] = [
    { path: "/", name: "Overview", icon: "overview" },
    { path: "/app/live", name: "Live", icon: "live" },
    { path: "/app/traffic", name: "Traffic", icon: "traffic" },
    { path: "/app/endpoints", name: "Endpoints", icon: "endpoints" },
    { path: "/app/log", name: "Log", icon: "log" },
    { path: "/app/clients", name: "Clients", icon: "clients", admin: true },
    { path: "/app/system", name: "System", icon: "system", admin: true },
    { path: "/app/account", name: role === "admin" ? "Account" : "Keys", icon: "keys" },
  ];
  return all.filter((way) => role === "admin" || !way.admin);
}

export function Shell({ onLeave, children }: { onLeave: () => void; children: ComponentChildren }) {
  const { client, role, endsAt } = useSession();
  const { path } = usePlace();
  const list = useMemo(() => ways(role), [role]);
  const here = list.find((way) => (way.path === "/" ? path === "/" || path === "/app" : path.startsWith(way.path)));
  useEffect(() => {
    document.title = here ? `${here.name} · Activity Tracker` : "Activity Tracker";
    // Readers of screens are told where they came to, and the next Tab goes on from there.
    toMain();
  }, [path]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={skip}>Skip to the content</a>
      <nav aria-label="Views">
        <a class="brand" href={href("/")} aria-label="Activity Tracker: overview"><Mark /><span>Activity<br />{" "}Tracker</span></a>
        <ul>
          {list.map((way) => (
            <li key={way.path}>
              <a href={href(way.path)} aria-current={way === here ? "page" : undefined}>{ICONS[way.icon]}<span>{way.name}</span></a>
            </li>
          ))}
        </ul>
        <div class="me">
          <ThemeChoice />
          <p><strong>{client.name}</strong><span>{role} · <Left until={endsAt} /></span></p>
          <button type="button" class="button small" onClick={onLeave}>Sign out</button>
        </div>
      </nav>
      <main id="main" tabIndex={-1} aria-label={here?.name}>{children}</main>
    </div>
  );
}

/** Without a trace in the URL. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  toMain();
}

/** How long the session lasts. */
function Left({ until }: { until: number }) {
  const now = useNow(30_000);
  const minutes = Math.max(0, Math.round((until - now) / 60_000));
  return <>{minutes < 120 ? `${minutes} min left` : `${Math.round(minutes / 60)} h left`}</>;
}

const NEXT: Record<Choice, Choice> = { system: "light", light: "dark", dark: "system" };
const NAMES: Record<Choice, string> = { system: "as the system", light: "light", dark: "dark" };

export function ThemeChoice() {
  const { choice } = useTheme();
  return (
    <button type="button" class="icon" aria-label={`Colours: ${NAMES[choice]}. Change`} title={`Colours: ${NAMES[choice]}`}
      onClick={() => choose(NEXT[choice])}>
      {ICONS[choice === "system" ? "system_theme" : choice]}
    </button>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 17h5l3-8 5 15 3.5-10 1.5 3h4" />
    </svg>
  );
}
