// A store whose calls are all of long ago, such as after the import of an old log: the pages lead to them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { breaches } from "./support/axe.ts";
import { Server } from "./support/server.ts";
import { Stage } from "./support/stage.ts";
import { until } from "./support/wait.ts";

/** More clients than are chosen from a list or shown at once. */
const CLIENTS = 230;
const CALLS = 690;

let server: Server;
let stage: Stage;
/** Who recorded for all of them. */
let importer = { clientId: "", apiKey: "" };

before(async () => {
  server = await Server.start({ LOG_BATCH_INTERVAL_MS: "500" });
  stage = await Stage.open(server.url);
});

after(async () => {
  await stage?.close();
  await server?.remove();
});

test("who has recorded nothing is told how to begin", async () => {
  const page = await stage.signedIn(server.adminKey);
  await page.getByRole("heading", { name: "Nothing was recorded yet" }).waitFor();
  await page.getByRole("link", { name: "Log", exact: true }).click();
  await page.getByText("Nothing was recorded yet").waitFor();
  await page.close();
});

test("who has only old calls is led to their days", async () => {
  await record();
  const page = await stage.signedIn(server.adminKey);
  await page.getByText(/The newest call is of .*20.* 2015/).waitFor();
  assert.equal(await page.getByText("Nothing was recorded yet").count(), 0);
  await page.getByRole("link", { name: "Look at the days before it" }).click();
  await page.waitForURL(/\/app\/traffic\?from=2015-05-13.*to=2015-05-20/);
  const calls = page.locator('[data-test="calls"]');
  const shown = async () => (await calls.getAttribute("title"))?.replaceAll(/\D/g, "");
  await until("all calls", async () => (await shown()) === String(CALLS));
  // What else is there goes by the same range.
  await page.getByRole("table", { name: "Busiest clients: The chosen range" }).getByRole("row", { name: /Host/ }).first().waitFor();
  await page.getByRole("table", { name: "Endpoints: The chosen range" }).getByRole("row", { name: /\/old/ }).waitFor();
  assert.match((await page.getByRole("combobox", { name: "Range" }).locator("option:checked").textContent()) ?? "", /2015.*2015/);
  await page.getByText("No response times were recorded").waitFor();
  await page.getByRole("button", { name: "Last 24 hours" }).click();
  await page.getByText("No calls in this range").first().waitFor();
  await page.getByRole("combobox", { name: "Range" }).selectOption("all");
  await until("all calls of all days", async () => (await shown()) === String(CALLS));
  // By days there would be none of the years without calls.
  await page.locator("details.numbers summary").first().click();
  const rows = page.getByRole("table", { name: /Calls by status class/ }).getByRole("row");
  assert.ok((await rows.count()) <= 4 * 24 + 1, `${await rows.count()} rows`);
  await page.close();
});

test("a view without calls leads to the days that have some", async () => {
  const page = await stage.signedIn(server.adminKey, "/app/log");
  await page.getByRole("link", { name: "Look at the days before it" }).click();
  await page.getByText("100 shown.").waitFor();
  await page.getByRole("row", { name: /2015/ }).first().waitFor();
  await page.getByRole("link", { name: "Endpoints", exact: true }).click();
  await page.getByRole("row", { name: /GET \/old/ }).waitFor();
  await page.close();
});

test("one of many clients is found by typing", async () => {
  const page = await stage.signedIn(server.adminKey, "/app/traffic?range=all");
  const choice = page.getByRole("combobox", { name: "Client" });
  await choice.fill("Host 7");
  await page.waitForURL(/client=CL-/);
  assert.deepEqual(await breaches(page, "one of many"), []);
  await until("the calls of one", async () => (await page.locator('[data-test="calls"]').textContent()) === String(CALLS / CLIENTS));
  await choice.fill("Nobody");
  assert.equal(await choice.getAttribute("aria-invalid"), "true");
  await choice.fill("");
  await until("everybody", async () => !page.url().includes("client="));
  const whoRecorded = () => server.get<{ lastAccessAt: string | null }>(`/api/clients/${importer.clientId}`, server.adminKey);
  await until("it to be written down when the importer was seen", async () => (await whoRecorded()).lastAccessAt !== null);
  await page.getByRole("link", { name: "Clients", exact: true }).click();
  // And the one who recorded for them, who was seen.
  await page.getByText(`200 of ${CLIENTS + 1} shown`).waitFor();
  const names = await page.getByRole("rowheader").getByRole("link").allTextContents();
  assert.deepEqual(names.slice(0, 13), ["Importer", ...Array.from({ length: 12 }, (_, n) => `Host ${n}`)]);
  await page.getByRole("button", { name: "Busiest" }).click();
  await page.getByRole("rowheader").getByRole("link").nth(0).filter({ hasText: "Host 0" }).waitFor();
  await page.waitForURL(/sort=calls/);
  await page.getByRole("button", { name: "Show more" }).click();
  // All days are still the range.
  await page.getByRole("row", { name: new RegExp(`Host ${CLIENTS - 1} .* ${CALLS / CLIENTS} never`) }).waitFor();
  await page.close();
});

test("another range is told by the clock of the chosen zone", async () => {
  const page = await stage.signedIn(server.adminKey, "/app/traffic?tz=Asia%2FTokyo");
  await page.getByRole("combobox", { name: "Range" }).selectOption("own");
  await page.getByLabel("From (Asia/Tokyo)").fill("2015-05-18T09:00");
  await page.getByLabel("To (Asia/Tokyo)").fill("2015-05-21T09:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.waitForURL(/from=2015-05-18T00%3A00%3A00.000Z&to=2015-05-21T00%3A00%3A00.000Z/);
  assert.deepEqual(stage.complaints, []);
  await page.close();
});

test("all days are those from the first call to the last", async () => {
  await server.post("/api/logs", importer.apiKey, [{ clientId: importer.clientId, endpoint: "/new", method: "GET", statusCode: 200 }], { Prefer: "wait=10" });
  const page = await stage.signedIn(server.adminKey, "/app/traffic?range=all");
  const calls = page.locator('[data-test="calls"]');
  await until("all calls", async () => (await calls.getAttribute("title"))?.replaceAll(/\D/g, "") === String(CALLS + 1));
  await page.getByRole("row", { name: /GET \/old/ }).getByRole("link").click();
  await page.waitForURL(/\/app\/log\?.*endpoint=%2Fold/);
  await page.getByText("100 shown.").waitFor();
  await page.close();
});

/** Three calls of each of many clients, without response times, of three days in 2015. */
async function record(): Promise<void> {
  const service = await server.register("Importer", "service");
  importer = service;
  const ids: string[] = [];
  for (let n = 0; n < CLIENTS; n++) {
    const { clientId } = await server.post<{ clientId: string }>("/api/register", server.adminKey, { name: `Host ${n}`, email: `host.${n}@example.org` });
    ids.push(clientId);
  }
  const last = Date.parse("2015-05-20T12:00:00Z");
  const calls = Array.from({ length: CALLS }, (_, n) => ({
    clientId: ids[n % CLIENTS], endpoint: "/old", method: "GET", statusCode: n % 10 === 0 ? 404 : 200, timestamp: new Date(last - n * 300_000).toISOString(),
  }));
  await server.post("/api/logs", service.apiKey, calls, { Prefer: "wait=10" });
}
