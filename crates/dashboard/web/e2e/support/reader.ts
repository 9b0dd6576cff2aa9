// What a page of somebody else would do to read live events; runs in the browser.

export interface Wish {
  way: "stream" | "socket";
  key: string;
  /** Where it was. */
  place: string | null;
}

/** What a page was told, for the test to look at. */
export interface Told {
  endpoints: string[];
  place: string;
  ticket: string;
  close: () => void;
}

declare global {
  interface Window {
    told: Told;
  }
}

/** Reads with a new ticket, from a place on. Returns when it has begun. */
export async function read({ way, key, place }: Wish): Promise<void> {
  const answer = await fetch("/api/stream-tickets", { method: "POST", headers: { "X-API-Key": key } });
  const { ticket } = (await answer.json()) as { ticket: string };
  const told: Told = { endpoints: [], place: "", ticket, close: () => undefined };
  window.told = told;
  await new Promise<void>((begun, failed) => {
    if (way === "stream") {
      const query = new URLSearchParams({ channel: "logs", ticket, ...(place && { lastEventId: place }) });
      const events = new EventSource(`/api/usage/stream?${query}`);
      const heard = (event: MessageEvent<string>) => (told.place = event.lastEventId);
      events.addEventListener("connected", (event) => (heard(event), begun()));
      events.addEventListener("log:new", (event) => {
        heard(event);
        told.endpoints.push((JSON.parse(event.data) as { endpoint: string }).endpoint);
      });
      events.onerror = () => failed(new Error("the stream broke"));
      told.close = () => events.close();
    } else {
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/ws?ticket=${ticket}`);
      socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", channel: "logs", ...(place && { lastEventId: place }) }));
      socket.onmessage = ({ data }: MessageEvent<string>) => {
        const message = JSON.parse(data) as { type: string; eventId?: string; data: { endpoint: string } };
        told.place = message.eventId ?? told.place;
        if (message.type === "subscribed") begun();
        if (message.type === "log:new") told.endpoints.push(message.data.endpoint);
      };
      socket.onclose = () => failed(new Error("the socket was closed"));
      told.close = () => socket.close();
    }
  });
}
