// The dashboard in a real browser, before a real server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Page } from "playwright-core";

import { breaches } from "./support/axe.ts";
import { history, openShop, type Shop } from "./support/data.ts";
import { read } from "./support/reader.ts";
import { Server } from "./support/server.ts";
import { isLive, signIn, Stage } from "./support/stage.ts";
import { until } from "./support/wait.ts";

let server: Server;
let stage: Stage;
let shop: Shop;

before(async () => {
  server = await Server.start();
  stage = await Stage.open(server.url);
  shop = await openShop(server);
  await history(server, shop, 6_000, Date.now() - 150_000);
});

after(async () => {
  await stage?.close();
  await server?.remove();
});

/** All that a view asks for is there. */
const answered = (page: Page) => until("answers", async () => (await page.locator(".loading").count()) === 0);

const call = (endpoint: string, statusCode = 200) => ({ endpoint, method: "GET", statusCode, responseTime: 12.5 });

test("a key opens the door, and is not kept", async () => {
  const page = await stage.page();
  await page.goto("/app/traffic?range=7d");
  await page.getByLabel("API key").fill("atk_nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This key is not known").waitFor();
  await signIn(page, server.adminKey);
  await page.getByRole("heading", { name: "Traffic" }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.ok(!kept.includes("atk_") && !kept.includes("eyJ"), kept);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.close();
});

test("who registers sees the first call as it comes", async (t) => {
  const page = await stage.signedIn(server.adminKey);
  await isLive(page);
  await page.getByRole("link", { name: "Clients", exact: true }).click();
  await page.getByRole("button", { name: "Register a client" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Newcomer");
  await page.getByLabel("Email").fill("newcomer@example.org");
  await page.getByRole("button", { name: "Register", exact: true }).click();
  const key = (await page.getByRole("textbox", { name: "API key" }).textContent()) ?? "";
  assert.match(key, /^atk_/);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: /Newcomer/ }).waitFor();
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await isLive(page);
  const began = Date.now();
  await server.post("/api/logs", key, call("/first-call"));
  await page.getByRole("row", { name: /\/first-call/ }).waitFor();
  t.diagnostic(`from the request to the page: ${Date.now() - began} ms`);
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await page.getByLabel("Status").selectOption("5xx");
  await isLive(page);
  await server.post("/api/logs", key, [call("/not-shown"), call("/shown", 503)]);
  await page.getByRole("row", { name: /\/shown/ }).waitFor();
  assert.equal(await page.getByRole("row", { name: /\/not-shown/ }).count(), 0);
  await page.getByRole("button", { name: "Pause" }).click();
  await server.post("/api/logs", key, call("/while-paused", 500));
  await page.getByRole("button", { name: "Go on (1 new)" }).click();
  await page.getByRole("row", { name: /\/while-paused/ }).waitFor();
  assert.match(page.url(), /status=5xx/);
  await page.close();
});

test("ranges and zones are in the URL, and their numbers are the server's", async () => {
  const page = await stage.signedIn(server.adminKey, "/app/traffic");
  await page.getByRole("combobox", { name: "Range" }).selectOption("7d");
  await page.getByRole("combobox", { name: "Time zone" }).selectOption("Asia/Tokyo");
  await page.waitForURL(/range=7d&tz=Asia%2FTokyo/);
  const shown = async () => (await page.locator('[data-test="calls"]').getAttribute("title"))?.replaceAll(/\D/g, "");
  await until("total of the range", async () => {
    const from = new Date(Date.now() - 7 * 86_400_000).toISOString();
    const series = await server.get<{ series: { points: { requestCount: number }[] }[] }>(`/api/usage/series?bucket=1h&timezone=Asia/Tokyo&from=${from}`, server.adminKey);
    const total = series.series[0]?.points.reduce((sum, point) => sum + point.requestCount, 0);
    return (await shown()) === String(total);
  });
  await answered(page);
  await page.locator("details.numbers summary").first().click();
  await page.getByRole("table", { name: /Calls by status class/ }).waitFor();
  const plot = page.locator(".u-over").first();
  const box = await plot.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  await page.goBack();
  await page.waitForURL(/range=7d/);
  await page.close();
});

test("a client sees its own, and nothing of others", async () => {
  const [own, other] = shop.clients as [Shop["clients"][number], Shop["clients"][number]];
  const page = await stage.signedIn(own.apiKey, `/app/clients/${other.clientId}`);
  await page.getByText("There is no such view").waitFor();
  await page.goto("/");
  await signIn(page, own.apiKey);
  await isLive(page);
  await page.locator('[data-test="left-default"]').waitFor();
  assert.equal(await page.getByRole("link", { name: "Clients", exact: true }).count(), 0);
  await server.post("/api/logs", other.apiKey, call("/of-the-other"));
  await server.post("/api/logs", own.apiKey, call("/of-mine"));
  await page.getByRole("row", { name: /\/of-mine/ }).waitFor();
  assert.equal(await page.getByText("/of-the-other").count(), 0);
  assert.ok(!(await page.content()).includes(other.name));
  await until("quota that is spent", async () => (await page.locator('[data-test="left-default"]').textContent()) === "99,999");
  await page.close();
});

test("a client takes its log along", async () => {
  const own = await server.register("Taker");
  await server.post("/api/logs", own.apiKey, Array.from({ length: 1_203 }, (_, n) => call(`/taken/${n}`)), { Prefer: "wait=10" });
  const page = await stage.signedIn(own.apiKey, "/app/log");
  await page.getByText("100 shown.").waitFor();
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByText("200 shown.").waitFor();
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download CSV" }).click();
  const file = await (await coming).createReadStream();
  let text = "";
  for await (const part of file) text += String(part);
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.length, 1_204);
  assert.equal(new Set(lines).size, 1_204);
  await page.close();
});

test("keys are rotated and revoked, and what they opened ends", async () => {
  const own = await server.register("Rotator");
  const page = await stage.signedIn(own.apiKey, "/app/account");
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByLabel("Older keys").selectOption("3600");
  await page.getByRole("button", { name: "Make a key" }).click();
  const key = (await page.getByRole("textbox", { name: "API key" }).textContent()) ?? "";
  await page.getByRole("button", { name: "Done" }).click();
  const second = await stage.signedIn(key);
  await isLive(second);
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await isLive(page);
  await second.getByRole("link", { name: "Keys", exact: true }).click();
  const [, oldId] = own.apiKey.split("_");
  await second.getByRole("button", { name: `Revoke ${oldId}` }).click();
  await second.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("no longer valid").waitFor();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal((await fetch(`${server.url}/api/rate-limit`, { headers: { "X-API-Key": own.apiKey } })).status, 401);
  await second.getByRole("link", { name: "Overview", exact: true }).click();
  await isLive(second);
  await page.close();
  await second.close();
});

test("an admin deactivates a client and changes its limits", async () => {
  const own = await server.register("Stopped");
  const page = await stage.signedIn(server.adminKey, `/app/clients/${own.clientId}`);
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByRole("button", { name: "Add a limit" }).click();
  await page.getByLabel("Name", { exact: true }).fill("burst");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("100 in 1 min").first().waitFor();
  await page.getByRole("button", { name: "Deactivate", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
  await page.getByText("This client is deactivated").waitFor();
  assert.equal((await fetch(`${server.url}/api/rate-limit`, { headers: { "X-API-Key": own.apiKey } })).status, 403);
  await page.close();
});

test("a page comes back by itself when its server does", async () => {
  const page = await stage.signedIn(server.adminKey);
  await isLive(page);
  server.kill();
  await page.locator('.pill[data-is="waiting"]').waitFor();
  await server.up();
  await isLive(page);
  await server.post("/api/logs", shop.service.apiKey, { ...call("/after-the-restart"), clientId: shop.clients[0]?.clientId });
  await page.getByRole("row", { name: /\/after-the-restart/ }).waitFor();
  await page.close();
});

test("every view is fit for readers of all kinds, light and dark, large and small", async () => {
  const views = ["/", "/app/live", "/app/traffic?range=7d", "/app/endpoints", "/app/log", "/app/clients", `/app/clients/${shop.clients[0]?.clientId}`, "/app/system", "/app/account"];
  const found: string[] = [];
  const door = await stage.page();
  await door.goto("/");
  found.push(...(await breaches(door, "door")));
  await door.close();
  for (const [key, paths] of [[server.adminKey, views], [shop.clients[0]?.apiKey ?? "", ["/", "/app/account"]], [shop.service.apiKey, ["/", "/app/live"]]] as const) {
    const page = await stage.signedIn(key);
    for (const path of paths) {
      // Links of the page's own, so that the session stays.
      await page.evaluate((to) => {
        window.history.pushState(null, "", to);
        dispatchEvent(new PopStateEvent("popstate"));
      }, path);
      await page.locator("main h1").waitFor();
      await answered(page);
      found.push(...(await breaches(page, path)));
    }
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide for a phone`);
    await page.close();
  }
  assert.deepEqual(found, []);
});

test("the first view is small, and nothing on any page was forbidden", async (t) => {
  const page = await stage.page();
  await page.goto("/");
  await page.getByLabel("API key").waitFor();
  await page.evaluate(() => document.fonts.ready);
  const sizes = await page.evaluate(() => {
    const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")] as PerformanceResourceTiming[];
    const first = performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming;
    return { bytes: all.reduce((sum, entry) => sum + entry.encodedBodySize, 0), files: all.length, interactive: first.domInteractive, done: first.domContentLoadedEventEnd };
  });
  t.diagnostic(`${sizes.files} files, ${sizes.bytes} bytes as sent; interactive after ${Math.round(sizes.interactive)} ms, ready after ${Math.round(sizes.done)} ms`);
  assert.ok(sizes.bytes > 10_000 && sizes.bytes < 150_000, `${sizes.bytes} bytes`);
  assert.deepEqual(stage.complaints, []);
  await page.close();
});

for (const way of ["stream", "socket"] as const) {
  test(`any page reads a ${way} by ticket, and goes on where it was by another`, async () => {
    const page = await stage.page();
    await page.goto("/");
    const { apiKey: key } = await server.register(`Reader of a ${way}`);
    const told = (count: number) =>
      until("event", async () => {
        const { endpoints, place, ticket } = await page.evaluate(() => ({ ...window.told, close: null }));
        return endpoints.length >= count && { endpoints, place, ticket };
      });
    await page.evaluate(read, { way, key, place: null });
    await server.post("/api/logs", key, call("/first"));
    const first = await told(1);
    await page.evaluate(() => window.told.close());
    // Both are missed, and found again.
    for (const endpoint of ["/second", "/third"]) await server.post("/api/logs", key, call(endpoint));
    await page.evaluate(read, { way, key, place: first.place });
    assert.deepEqual((await told(2)).endpoints, ["/second", "/third"]);
    const used = await page.evaluate(async (ticket) => (await fetch(`/api/usage/stream?ticket=${ticket}`)).status, first.ticket);
    assert.equal(used, 401);
    await page.close();
  });
}
