// Dialogs: something to fill in, or a question before something that cannot be undone.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Problem } from "../api/http.ts";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const isOver = useRef(false);
  // Before it is taken off the page.
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      isOver.current = true;
      // One that only goes away leaves the focus nowhere; one that closes gives it back.
      dialog?.close();
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={() => !isOver.current && onClose()}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => element.current?.close()}>✕</button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  action: string;
  danger?: boolean;
  children: ComponentChildren;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function Confirm({ title, action, danger = false, children, onConfirm, onClose }: ConfirmProps) {
  const { busy, error, run } = useDeed(onConfirm, onClose);
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="prose">{children}</div>
      {error && <p class="wrong" role="alert">{error.message}</p>}
      <footer>
        <button type="button" class="button" onClick={onClose}>Cancel</button>
        <button type="button" class={danger ? "button danger" : "button primary"} aria-disabled={busy} onClick={run}>{action}</button>
      </footer>
    </Dialog>
  );
}

/** Something that is done once at a time, and may fail. */
export function useDeed<T>(deed: () => Promise<T>, then: (result: T) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Problem | null>(null);
  const run = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const result = await deed();
      setBusy(false);
      then(result);
    } catch (problem) {
      setBusy(false);
      setError(problem instanceof Problem ? problem : new Problem(0, String(problem)));
    }
  };
  return { busy, error, run, clear: () => setError(null) };
}

/** What a problem says of one field of the body. */
export const wrongWith = (error: Problem | null, field: string): string | undefined =>
  error?.errors.find(({ pointer }) => pointer === `#/${field}` || pointer.startsWith(`#/${field}/`))?.detail;
