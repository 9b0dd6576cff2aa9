// Questions to the API. The token is kept in memory and nowhere else.

/** Why something was not answered, in the server's words. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly errors: { pointer: string; detail: string }[] = [],
    /** Seconds after which it may go, if the server says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

export interface Ask {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let token: string | null = null;
let refused: () => void = () => {};
/** How far the server's clock is ahead, in milliseconds. */
let ahead = 0;

export function useToken(next: string | null, onRefused: () => void = () => {}): void {
  token = next;
  refused = onRefused;
}

/** The time by the server's clock, in milliseconds. */
export const now = (): number => Date.now() + ahead;

/** An answer that is good; throws a `Problem` otherwise. */
export async function fetched(path: string, ask: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = { ...ask.headers };
  if (token && !headers["X-API-Key"]) headers["Authorization"] = `Bearer ${token}`;
  const init: RequestInit = { method: ask.method ?? "GET", headers, cache: "no-store", credentials: "omit" };
  if (ask.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(ask.body);
  }
  if (ask.signal) init.signal = ask.signal;
  const answer = await fetch(path, init).catch((error: unknown) => {
    if (ask.signal?.aborted) throw error;
    throw new Problem(0, "The server cannot be reached.");
  });
  heed(answer.headers.get("Date"));
  if (answer.ok) return answer;
  const problem = await read(answer);
  if (answer.status === 401 && token && !headers["X-API-Key"]) refused();
  throw problem;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetched(path, signal ? { signal } : {});
  return (await answer.json()) as T;
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetched(path, { method, body });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** A path with parameters; those that are empty are left out. */
export function at(path: string, query: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

async function read(answer: Response): Promise<Problem> {
  const wait = Number(answer.headers.get("Retry-After"));
  const retryAfter = wait > 0 ? wait : null;
  try {
    const body = (await answer.json()) as { detail?: string; title?: string; errors?: Problem["errors"] };
    return new Problem(answer.status, body.detail || body.title || answer.statusText, body.errors, retryAfter);
  } catch {
    return new Problem(answer.status, answer.statusText || `Status ${answer.status}`, [], retryAfter);
  }
}

/** The header has whole seconds: only a clock that is clearly off is corrected. */
function heed(header: string | null): void {
  const theirs = Date.parse(header ?? "");
  if (Number.isNaN(theirs)) return;
  const off = theirs + 500 - Date.now();
  ahead = Math.abs(off) > 2_000 ? off : 0;
}
