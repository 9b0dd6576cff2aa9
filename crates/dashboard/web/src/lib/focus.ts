// Keeps the reader's place: what has the focus may go away by being used.

const REACHED = "a[href], button, input, select, textarea, summary, [tabindex='0']";

/** Puts the focus where a reader who came to another view begins. */
export const toMain = (): void => document.getElementById("main")?.focus({ preventScroll: true });

/** Whether nothing has the focus. */
export const isLost = (): boolean => document.activeElement === document.body || document.activeElement === null;

/** After a click that took away what was clicked, the focus goes to the next that there is around it. */
export function keepFocus(event: MouseEvent): void {
  const around = event.composedPath().filter((target) => target instanceof HTMLElement);
  requestAnimationFrame(() => {
    const [clicked] = around;
    if (!clicked || clicked.isConnected || !isLost()) return;
    for (const element of around) {
      if (!element.isConnected || element === document.body) continue;
      const found = element.id === "main" ? element : element.querySelector<HTMLElement>(REACHED);
      if (found) return found.focus({ preventScroll: true });
    }
  });
}
