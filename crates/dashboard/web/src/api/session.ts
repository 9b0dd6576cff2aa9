// Who has signed in. A key is exchanged for a token at once and forgotten.

import { fetched, get, now, useToken } from "./http.ts";
import type { Client, Role } from "./types.ts";

export interface Session {
  client: Client;
  role: Role;
  /** When the token is over, in milliseconds since the epoch. */
  endsAt: number;
  /** The key that the token was made from, by its id. */
  keyId: string;
}

export const OVER = "The session is over. Sign in again to go on where you were.";
/** Milliseconds before its end in which the server may refuse a token for that: it counts whole seconds. */
const BEFORE = 2_000;

/** Exchanges a key for a token and finds out whose it is. `onEnd` is called once, with the reason. */
export async function signIn(key: string, onEnd: (reason: string) => void): Promise<Session> {
  const answer = await fetched("/api/token", { method: "POST", headers: { "X-API-Key": key } });
  const { token, expiresAt } = (await answer.json()) as { token: string; expiresAt: string };
  const { sub, kid } = claims(token);
  let ended = false;
  const end = (reason: string) => {
    if (!ended) onEnd(reason);
    ended = true;
  };
  const endsAt = Date.parse(expiresAt);
  useToken(token, () => end(now() > endsAt - BEFORE ? OVER : "The key or token is no longer valid."));
  try {
    const client = await get<Client>(`/api/clients/${encodeURIComponent(sub)}`);
    return { client, role: client.role, endsAt, keyId: kid };
  } catch (error) {
    ended = true;
    useToken(null);
    throw error;
  }
}

export const signOut = (): void => useToken(null);

/** What a token says of its owner. It is read, not checked: that is the server's business. */
export function claims(token: string): { sub: string; kid: string } {
  const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes)) as { sub: string; kid: string };
}
