// Everything can be done without a pointer, and the focus is seen wherever it is.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Keyboard } from "./support/keyboard.ts";
import { Server } from "./support/server.ts";
import { isLive, Stage } from "./support/stage.ts";
import { until } from "./support/wait.ts";

let server: Server;
let stage: Stage;

before(async () => {
  server = await Server.start();
  stage = await Stage.open(server.url);
});

after(async () => {
  await stage?.close();
  await server?.remove();
});

const call = (endpoint: string, statusCode = 200) => ({ endpoint, method: "GET", statusCode, responseTime: 12.5 });

test("a keyboard goes everywhere", async () => {
  const page = await stage.page({ permissions: ["clipboard-read", "clipboard-write"] });
  const keyboard = new Keyboard(page);
  const { apiKey } = await server.register("Reader");
  await server.post("/api/logs", apiKey, [call("/one"), call("/two", 503)], { Prefer: "wait=10" });
  const link = (name: string) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: true });
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const main = page.locator("main");
  const dialog = page.getByRole("dialog");

  // The door is open to those who type.
  await page.goto("/");
  await keyboard.isAt(page.getByLabel("API key"));
  await page.keyboard.type(server.adminKey);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await keyboard.isAt(main);

  // One can go around the views, or past them.
  await keyboard.press(page.getByRole("link", { name: "Skip to the content" }));
  await keyboard.isAt(main);
  for (const view of ["Live", "Traffic", "Endpoints", "Log", "Clients", "System", "Account", "Overview"]) {
    await keyboard.press(link(view));
    await page.getByRole("heading", { name: view, level: 1 }).waitFor();
    await keyboard.isAt(main);
  }

  // Live: filters, and a pause.
  await keyboard.press(link("Live"));
  await isLive(page);
  await keyboard.choose(page.getByLabel("Status"), "5xx");
  await page.waitForURL(/status=5xx/);
  await keyboard.to(page.getByRole("searchbox"));
  await page.keyboard.type("/shown");
  await page.waitForURL(/endpoint=%2Fshown/);
  await isLive(page);
  await keyboard.to(button("Pause"), "Shift+Tab");
  await page.keyboard.press("Space");
  await server.post("/api/logs", apiKey, [call("/not-shown", 500), call("/shown", 500)]);
  await button("Go on (1 new)").waitFor();
  await page.keyboard.press("Space");
  await page.getByRole("row", { name: /\/shown/ }).waitFor();
  await keyboard.press(button("Clear filters"));
  await page.waitForURL((url) => !url.search.includes("status"));
  await keyboard.isAt(page.getByLabel("Client", { exact: true }));

  // Range and zone.
  await keyboard.press(link("Traffic"));
  await keyboard.choose(page.getByLabel("Range"), "7d");
  await page.waitForURL(/range=7d/);
  await keyboard.to(page.getByLabel("Time zone"));
  await page.keyboard.type("Asia/Tok");
  await page.waitForURL(/tz=Asia%2FTokyo/);
  await keyboard.choose(page.getByLabel("Range"), "all");
  await page.keyboard.press("ArrowDown");
  await dialog.waitFor();
  await keyboard.isTrapped(dialog);
  await page.keyboard.press("Escape");
  await keyboard.isAt(page.getByLabel("Range"));
  assert.equal(await page.getByLabel("Range").inputValue(), "all");

  // A client, and its key in the clipboard.
  await keyboard.press(link("Clients"));
  await keyboard.press(button("Register a client"));
  await keyboard.isAt(dialog.getByLabel("Name"));
  await keyboard.isTrapped(dialog);
  await keyboard.to(dialog.getByLabel("Name"));
  await page.keyboard.type("Typist");
  await keyboard.to(dialog.getByLabel("Email"));
  await page.keyboard.type("typist@example.org");
  await page.keyboard.press("Enter");
  await keyboard.isAt(page.getByRole("button", { name: "Copy: API key" }));
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Copied: API key" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, await page.getByRole("textbox", { name: "API key" }).textContent());
  await keyboard.press(button("Done"));
  await keyboard.isAt(button("Register a client"));

  // Its keys: one more, and one less.
  await keyboard.press(page.getByRole("link", { name: "Typist" }));
  await keyboard.isAt(main);
  await keyboard.press(button("Rotate"));
  await keyboard.choose(dialog.getByLabel("Older keys"), "3600");
  await keyboard.press(dialog.getByRole("button", { name: "Make a key" }));
  await keyboard.isAt(page.getByRole("button", { name: "Copy: API key" }));
  const newer = (await page.getByRole("textbox", { name: "API key" }).textContent()) ?? "";
  await page.keyboard.press("Escape");
  await keyboard.isAt(button("Rotate"));
  const [, older] = copied.split("_");
  const revoke = page.getByRole("button", { name: `Revoke ${older}` });
  await keyboard.press(revoke);
  await keyboard.isTrapped(dialog);
  await keyboard.press(dialog.getByRole("button", { name: "Cancel" }));
  await keyboard.isAt(revoke);
  await page.keyboard.press("Enter");
  await keyboard.press(dialog.getByRole("button", { name: "Revoke" }), "Space");
  await revoke.waitFor({ state: "detached" });
  await keyboard.isAt(button("Rotate"));
  const status = async (key: string) => (await fetch(`${server.url}/api/rate-limit`, { headers: { "X-API-Key": key } })).status;
  await until("a key that is over", async () => (await status(copied)) === 401);
  assert.equal(await status(newer), 200);

  // Out, and back to the door.
  await keyboard.press(button("Sign out"));
  await keyboard.isAt(page.getByLabel("API key"));
  assert.deepEqual(stage.complaints, []);
  await page.close();
});
