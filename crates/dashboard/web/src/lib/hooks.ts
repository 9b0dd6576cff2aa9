// Questions that repeat themselves, and the time.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { now, Problem } from "../api/http.ts";

export interface Asked<T> {
  data: T | null;
  error: Problem | null;
  isLoading: boolean;
  reload: () => void;
}

/**
 * Asks whenever `key` changes and, while the page is seen, every so many milliseconds. The last answer stays until
 * the next one is there, unless the question is another. Another `hint` asks the same
 * again, unless it is being asked.
 */
export function useAsk<T>(ask: (signal: AbortSignal) => Promise<T>, key: string, every = 0, hint = 0): Asked<T> {
  const [state, set] = useState<{ key: string; data: T | null; error: Problem | null }>({ key: "", data: null, error: null });
  const [round, again] = useState(0);
  const asking = useRef(ask);
  asking.current = ask;
  const isAsking = useRef(false);
  useEffect(() => {
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (millis: number) => {
      if (millis > 0 && !control.signal.aborted) timer = setTimeout(run, millis);
    };
    const run = () => {
      // Nobody looks: it is asked when somebody does again.
      if (document.hidden && every > 0) return;
      isAsking.current = true;
      asking.current(control.signal).then(
        (data) => {
          if (control.signal.aborted) return;
          isAsking.current = false;
          set({ key, data, error: null });
          next(every);
        },
        (error: unknown) => {
          if (control.signal.aborted) return;
          isAsking.current = false;
          const problem = error instanceof Problem ? error : new Problem(0, String(error));
          set((old) => ({ key, data: old.key === key ? old.data : null, error: problem }));
          next(Math.max(every, (problem.retryAfter ?? 0) * 1_000, problem.status === 0 ? 3_000 : 0));
        },
      );
    };
    const seen = () => {
      if (document.hidden || every === 0 || isAsking.current) return;
      clearTimeout(timer);
      run();
    };
    document.addEventListener("visibilitychange", seen);
    run();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      control.abort();
      isAsking.current = false;
      clearTimeout(timer);
    };
  }, [key, every, round]);
  useEffect(() => {
    if (hint > 0 && !isAsking.current) again((n) => n + 1);
  }, [hint]);
  const isCurrent = state.key === key;
  const reload = useCallback(() => again((n) => n + 1), []);
  return {
    data: isCurrent ? state.data : null,
    error: isCurrent ? state.error : null,
    isLoading: !isCurrent,
    reload,
  };
}

/** The time by the server's clock; renders anew every so many milliseconds. */
export function useNow(every: number): number {
  const [time, set] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => set(now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return time;
}

/** A value that follows at once, but not more often than every so many milliseconds. */
export function useThrottled<T>(value: T, millis: number): T {
  const [shown, show] = useState(value);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + millis - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      show(value);
    }, wait);
    return () => clearTimeout(timer);
  }, [value, millis]);
  return shown;
}
