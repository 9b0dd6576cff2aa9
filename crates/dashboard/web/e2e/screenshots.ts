// Takes the pictures of docs/images, of a server with made-up calls.

import { mkdirSync, statSync } from "node:fs";

import type { Page } from "playwright-core";

import { seeded } from "../unit/random.ts";
import { burst, history, openShop } from "./support/data.ts";
import { Server } from "./support/server.ts";
import { isLive, Stage } from "./support/stage.ts";

const OUT = "../../../docs/images";
/** Seconds of live traffic that a picture of it shows. */
const LIVE = 110;

const server = await Server.start();
const stage = await Stage.open(server.url);
try {
  mkdirSync(OUT, { recursive: true });
  const shop = await openShop(server);
  await history(server, shop, 60_000, Date.now() - 1_000);
  const random = seeded(7);
  let seconds = 0;
  const beat = setInterval(() => {
    seconds++;
    const calls = Math.round(4 + 2.5 * Math.sin(seconds / 7) + random() * 3);
    void burst(server, shop, calls, random).catch(() => {});
  }, 1_000);
  const dark = await stage.signedIn(server.adminKey, "/", { colorScheme: "dark" });
  await isLive(dark);
  await dark.waitForTimeout(LIVE * 1_000);
  await take(dark, "overview-dark");
  const light = await stage.signedIn(server.adminKey);
  await isLive(light);
  await light.waitForTimeout(2_500);
  await take(light, "overview");
  await visit(light, "Live");
  await isLive(light);
  await light.waitForTimeout(2_000);
  await take(light, "live");
  await visit(dark, "Traffic");
  await dark.getByRole("combobox", { name: "Range" }).selectOption("7d");
  await dark.waitForTimeout(1_500);
  await take(dark, "traffic-dark");
  await visit(light, "Endpoints");
  await light.waitForTimeout(1_000);
  await take(light, "endpoints");
  await visit(light, "Clients");
  await light.getByRole("link", { name: "Storefront" }).click();
  await light.waitForTimeout(1_500);
  await take(light, "client");
  const phone = await stage.signedIn(shop.clients[3]?.apiKey ?? "", "/", { viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2 });
  await isLive(phone);
  for (let round = 0; round < 5; round++) {
    await server.post("/api/logs", shop.clients[3]?.apiKey ?? "", Array.from({ length: 900 }, () => ({ endpoint: "/v1/invoices", method: "POST", statusCode: 201, responseTime: 40 + random() * 30 })));
    await phone.waitForTimeout(1_200);
  }
  await take(phone, "phone-dark");
  const door = await stage.page();
  await door.goto("/");
  await door.waitForTimeout(3_000);
  await take(door, "sign-in");
  clearInterval(beat);
} finally {
  await stage.close();
  await server.remove();
}

async function visit(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name, exact: true }).first().click();
}

async function take(page: Page, name: string): Promise<void> {
  const path = `${OUT}/${name}.png`;
  await page.screenshot({ path });
  console.log(`${name}: ${Math.round(statSync(path).size / 1024)} KiB`);
}
