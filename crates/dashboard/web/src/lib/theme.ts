// Light or dark: the system's choice, unless the reader has made one.

import { useEffect, useState } from "preact/hooks";

export type Choice = "system" | "light" | "dark";

const KEY = "activity-theme";
const listeners = new Set<() => void>();
const system = () => matchMedia("(prefers-color-scheme: dark)");

/** What was chosen, where it cannot be stored. */
let chosen: Choice = "system";

function stored(): Choice {
  try {
    const text = localStorage.getItem(KEY);
    return text === "light" || text === "dark" ? text : "system";
  } catch {
    return chosen;
  }
}

const effective = (choice: Choice): "light" | "dark" =>
  choice === "system" ? (system().matches ? "dark" : "light") : choice;

function apply(): void {
  document.documentElement.dataset["theme"] = effective(stored());
  listeners.forEach((listener) => listener());
}

export function startTheme(): void {
  apply();
  system().addEventListener("change", apply);
}

export function choose(choice: Choice): void {
  chosen = choice;
  try {
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // It then lasts as long as the page.
  }
  apply();
}

/** What is chosen, and what that comes to now. */
export function useTheme(): { choice: Choice; theme: "light" | "dark" } {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  const choice = stored();
  return { choice, theme: effective(choice) };
}
