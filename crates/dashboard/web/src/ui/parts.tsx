// Small parts that all views are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { Problem } from "../api/http.ts";
import type { Asked } from "../lib/hooks.ts";

interface CardProps {
  title: string;
  note?: ComponentChildren;
  actions?: ComponentChildren;
  span?: "half" | "third" | "full";
  children: ComponentChildren;
}

export function Card({ title, note, actions, span = "full", children }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${span}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note && <p class="note">{note}</p>}
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** An answer, or what there is instead of it. What is old stays under a notice. */
export function Answer<T>({ asked, height = 120, children }: { asked: Asked<T>; height?: number; children: (data: T) => ComponentChildren }) {
  if (asked.data !== null) {
    return (
      <>
        {asked.error && <Notice problem={asked.error} again={asked.reload} />}
        {children(asked.data)}
      </>
    );
  }
  if (asked.error) return <Failed problem={asked.error} again={asked.reload} />;
  return <Loading height={height} />;
}

export function Loading({ height }: { height: number }) {
  return (
    <div class="loading" style={{ height: `${height}px` }} role="status">
      <span class="hidden">Loading</span>
    </div>
  );
}

export function Failed({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div class="state failed" role="alert">
      <strong>{problem.status === 0 ? "No connection" : problem.status === 429 ? "Too many questions at once" : "That did not work"}</strong>
      <p>{problem.message}</p>
      {again && <button type="button" class="button small" onClick={again}>Try again</button>}
    </div>
  );
}

function Notice({ problem, again }: { problem: Problem; again: () => void }) {
  return (
    <p class="notice" role="status">
      Not up to date: {problem.message} <button type="button" class="link" onClick={again}>Try again</button>
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state empty">
      <svg viewBox="0 0 64 24" aria-hidden="true"><path d="M2 12h16l4-8 6 16 4-8h30" /></svg>
      <strong>{title}</strong>
      {children && <div class="prose">{children}</div>}
    </div>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  options: readonly (readonly [T, string])[];
  value: T | null;
  onChange: (value: T) => void;
}

/** One of a few. */
export function Segments<T extends string>({ label, options, value, onChange }: SegmentsProps<T>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([key, name]) => (
        <button type="button" key={key} aria-pressed={key === value} onClick={() => onChange(key)}>{name}</button>
      ))}
    </div>
  );
}

interface FieldProps {
  label: string;
  hint?: string;
  error?: string | undefined;
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ComponentChildren;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const said = error ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...(said && { "aria-describedby": `${id}-said` }), ...(error && { "aria-invalid": true }) })}
      {said && <p id={`${id}-said`} class={error ? "wrong" : "hint"}>{said}</p>}
    </div>
  );
}

interface CopyProps {
  text: string;
  label: string;
  /** Whether its button has the focus as it comes. */
  first?: boolean;
}

/** A text to be copied, and a button that says when it is. */
export function Copy({ text, label, first = false }: CopyProps) {
  const [said, say] = useState("Copy");
  const shown = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (first) button.current?.focus();
  }, []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      // Pages that do not come over TLS may not: then it is selected, for the reader's own hand.
      const range = document.createRange();
      if (shown.current) range.selectNodeContents(shown.current);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
      say("Press Ctrl+C");
    }
    setTimeout(() => say("Copy"), 2_000);
  };
  return (
    <div class="copy">
      <code ref={shown} tabIndex={0} role="textbox" aria-readonly="true" aria-multiline="true" aria-label={label}>{text}</code>
      <button type="button" class="button small" ref={button} onClick={copy} aria-live="polite" aria-label={`${said}: ${label}`}>{said}</button>
    </div>
  );
}

export function Status({ code }: { code: number | null }) {
  const kind = code === null ? "unknown" : `${Math.floor(code / 100)}xx`;
  return <span class="status" data-class={kind}>{code ?? "open"}</span>;
}

export function Tag({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <span class="tag" data-kind={kind}>{children}</span>;
}

/** A share of a whole, beside its number. */
export function Bar({ value, of, kind = "accent" }: { value: number; of: number; kind?: string }) {
  const width = of > 0 ? Math.max(value > 0 ? 1 : 0, Math.min(100, (value / of) * 100)) : 0;
  return <span class="bar" data-kind={kind} aria-hidden="true"><i style={{ width: `${width}%` }} /></span>;
}
