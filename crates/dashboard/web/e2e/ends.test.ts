// What readers are told when they cannot be told all, and when their session ends.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import type { Page } from "playwright-core";

import { Server } from "./support/server.ts";
import { isLive, signIn, Stage } from "./support/stage.ts";
import { until } from "./support/wait.ts";

const open: { server: Server; stage: Stage }[] = [];

after(async () => {
  for (const { server, stage } of open) {
    await stage.close();
    await server.remove();
  }
});

async function begin(settings: Record<string, string>): Promise<{ server: Server; stage: Stage }> {
  const server = await Server.start(settings);
  const stage = await Stage.open(server.url);
  open.push({ server, stage });
  return { server, stage };
}

/** The first whole number of a text. */
const number = (text: string | null) => Number(/[\d,]+/.exec(text ?? "")?.[0].replaceAll(",", "") ?? NaN);

const notice = (page: Page) => page.locator("p.notice");

test("who is told too much at once is told how much he missed", async () => {
  const { server, stage } = await begin({ LOG_BATCH_INTERVAL_MS: "500" });
  const { apiKey } = await server.register("Flood");
  const page = await stage.signedIn(server.adminKey, "/app/live");
  await isLive(page);
  let sent = 0;
  await until("more than a reader has room for", async () => {
    const calls = Array.from({ length: 9_000 }, (_, n) => JSON.stringify({ endpoint: `/flood/${n}`, method: "GET", statusCode: 200 }));
    await server.post("/api/logs", apiKey, calls.join("\n"), { "Content-Type": "application/x-ndjson", Prefer: "wait=10" });
    sent += calls.length;
    return (await notice(page).count()) > 0;
  });
  assert.match((await notice(page).textContent()) ?? "", /^[\d,]+ events went by without being shown here/);
  // What was shown and what was missed are all there were, here and in the number of calls a second.
  const shown = page.getByText(/since this page was opened/);
  await until("all calls", async () => number(await shown.textContent()) + number(await notice(page).textContent()) === sent);
  assert.ok((await page.locator("table.events tbody tr").count()) <= 100);
  await page.getByRole("button", { name: "Dismiss" }).click();
  await notice(page).waitFor({ state: "detached" });

  // Another process does not know what happened before it.
  server.kill();
  await page.locator('.pill[data-is="waiting"]').waitFor();
  await server.up();
  await isLive(page);
  await page.getByText("Some events may have gone by").waitFor();
  assert.deepEqual(stage.complaints, []);
  await page.close();
});

test("a session that is over asks for the key, and goes on where it was", async () => {
  const { server, stage } = await begin({ JWT_EXPIRES_IN: "8s" });
  const goesOn = async (place: string) => {
    const page = await stage.signedIn(server.adminKey, place);
    await page.getByText("The session is over. Sign in again to go on where you were.").waitFor();
    const key = page.getByLabel("API key");
    assert.equal(await key.inputValue(), "");
    assert.ok(await key.evaluate((field) => field === document.activeElement));
    assert.equal(await page.getByRole("navigation", { name: "Views" }).count(), 0);
    await signIn(page, server.adminKey);
    await page.getByLabel("Status").waitFor();
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, place);
    assert.equal(await page.getByLabel("Status").inputValue(), "5xx");
    await page.close();
  };
  // The stream's end tells of one, and nothing but the clock of the other.
  await Promise.all([goesOn("/app/live?tz=Asia%2FTokyo&status=5xx"), goesOn("/app/log?range=7d&status=5xx")]);
  assert.deepEqual(stage.complaints, []);
});
