// Calls as an API of a shop might have them, the same each time but for the clock.

import { seeded } from "../../unit/random.ts";
import type { Server } from "./server.ts";

export const NAMES = ["Storefront", "iOS App", "Android App", "Billing", "Warehouse Sync", "Partner Nordwind", "Search Indexer", "Analytics Export"];
const WEIGHTS = [34, 22, 19, 7, 6, 5, 4, 3];

/** Path, method, share, typical milliseconds, share of failures. */
const CALLS: [string, string, number, number, number][] = [
  ["/v1/products/{n}", "GET", 30, 14, 0.004],
  ["/v1/search", "GET", 18, 68, 0.006],
  ["/v1/cart", "GET", 12, 11, 0.002],
  ["/v1/cart/items", "POST", 9, 24, 0.011],
  ["/v1/orders", "POST", 6, 120, 0.022],
  ["/v1/orders/{n}", "GET", 8, 18, 0.005],
  ["/v1/sessions", "POST", 6, 85, 0.075],
  ["/v1/stock/{n}", "GET", 5, 9, 0.003],
  ["/v1/payments", "POST", 3, 310, 0.041],
  ["/v1/reports/daily", "GET", 1, 1_450, 0.03],
  ["/v1/images/{n}", "GET", 2, 33, 0.012],
];

export interface Who {
  clientId: string;
  apiKey: string;
  name: string;
}

export interface Shop {
  clients: Who[];
  service: { clientId: string; apiKey: string };
}

/** Registers the shop's clients, and a gateway that records for them. */
export async function openShop(server: Server): Promise<Shop> {
  const clients: Who[] = [];
  for (const name of NAMES) clients.push({ ...(await server.register(name)), name });
  return { clients, service: await server.register("Edge Gateway", "service") };
}

/** Records so many calls of the last eight days, more of them by day and of late. */
export async function history(server: Server, shop: Shop, calls: number, now: number): Promise<void> {
  const random = seeded(20_261_126);
  const lines: string[] = [];
  for (let call = 0; call < calls; call++) {
    lines.push(JSON.stringify(one(shop, moment(now, random), random)));
  }
  for (let start = 0; start < lines.length; start += 5_000) {
    const body = lines.slice(start, start + 5_000).join("\n");
    await server.post("/api/logs", shop.service.apiKey, body, { "Content-Type": "application/x-ndjson", Prefer: "wait=10" });
  }
}

/** Calls of this very moment. */
export async function burst(server: Server, shop: Shop, calls: number, random: () => number): Promise<void> {
  const events = Array.from({ length: calls }, () => one(shop, Date.now() - random() * 900, random));
  await server.post("/api/logs", shop.service.apiKey, events);
}

function moment(now: number, random: () => number): number {
  for (;;) {
    const at = now - random() * 8 * 86_400_000;
    const hour = (at / 3_600_000) % 24;
    const byDay = 0.35 + 0.65 * Math.max(0, Math.sin(((hour - 5) / 24) * 2 * Math.PI));
    const growth = 1 - (now - at) / (8 * 86_400_000) / 4;
    if (random() < byDay * growth) return at;
  }
}

function one(shop: Shop, at: number, random: () => number): Record<string, unknown> {
  const who = shop.clients[pick(WEIGHTS, random)];
  const [path, method, , typical, failing] = CALLS[pick(CALLS.map((call) => call[2]), random)] as (typeof CALLS)[number];
  // An afternoon of trouble, two days ago.
  const isTroubled = Math.floor((Date.now() - at) / 3_600_000) === 41;
  const fails = random() < failing * (isTroubled ? 9 : 1);
  const status = fails ? (random() < 0.35 || isTroubled ? 503 : ([400, 401, 404, 409, 429] as const)[Math.floor(random() * 5)]) : method === "POST" ? 201 : random() < 0.06 ? 304 : 200;
  const spread = Math.exp((random() + random() + random() - 1.5) * 1.3);
  return {
    endpoint: path.replace("{n}", String(1_000 + Math.floor(random() * 9_000))), method, statusCode: status,
    responseTime: Math.round(typical * spread * (isTroubled ? 2.4 : 1) * 1_000) / 1_000,
    timestamp: new Date(at).toISOString(), clientId: who?.clientId,
    ...(status === 503 && { errorMessage: "upstream did not answer in time" }),
  };
}

function pick(weights: number[], random: () => number): number {
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [place, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return place;
  }
  return weights.length - 1;
}
