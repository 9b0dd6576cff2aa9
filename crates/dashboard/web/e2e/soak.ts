// Keeps the live views open for half an hour of 500 calls a second, and looks whether memory stays flat.

import type { CDPSession, Page } from "playwright-core";

import { openShop } from "./support/data.ts";
import { Feeder } from "./support/feeder.ts";
import { held, resident } from "./support/memory.ts";
import { type Pace, takePace, watchPace } from "./support/pace.ts";
import { type Sample, table, verdict } from "./support/samples.ts";
import { Server } from "./support/server.ts";
import { isLive, Stage } from "./support/stage.ts";
import { until } from "./support/wait.ts";

const MINUTES = Number(process.env["SOAK_MINUTES"] ?? 30);
const PER_SECOND = 500;
/** Milliseconds between samples: a minute, and less where there would be less than three in each third. */
const EVERY = Math.min(60_000, (MINUTES * 60_000) / 9);
/** Milliseconds in one view, for the page that goes to and fro. */
const STAY = Math.min(15_000, EVERY / 3);

/** Milliseconds that a page may take for anything: a soak that goes on for long sees a busy machine too. */
const PATIENT = 180_000;

interface Watched {
  name: string;
  page: Page;
  session: CDPSession;
}

const server = await Server.start({ JWT_EXPIRES_IN: "1d" });
const stage = await Stage.open(server.url);
let isGood = false;
try {
  isGood = await soak();
} finally {
  await stage.close();
  await server.remove();
}
if (!isGood) process.exitCode = 1;

async function soak(): Promise<boolean> {
  const shop = await openShop(server);
  // One stays where it is, so that what one view keeps is seen; the other changes views, so that what they leave is.
  const stays = await watched("stays");
  const moves = await watched("moves");
  await visit(stays.page, "Live");
  await visit(moves.page, "Live");
  const feeder = new Feeder(server, shop, PER_SECOND);
  const samples: Sample[] = [];
  const end = Date.now() + MINUTES * 60_000;
  while (Date.now() < end - EVERY / 2) {
    const next = Date.now() + EVERY;
    // It is back in the same view when it is looked at.
    while (Date.now() < next - 2 * STAY) {
      await visit(moves.page, "Overview");
      await moves.page.waitForTimeout(STAY);
      await visit(moves.page, "Live");
      await moves.page.waitForTimeout(Math.min(STAY, next - Date.now()));
    }
    await moves.page.waitForTimeout(Math.max(0, next - Date.now()));
    const sample = await look(feeder, stays, moves);
    samples.push(sample);
    console.log(table([sample], samples.length === 1));
  }
  await feeder.rest();
  const wrong = [...verdict(samples), ...feeder.refused.slice(0, 3), ...stage.complaints.slice(0, 3)];
  await shown(feeder, stays.page).catch((error: unknown) => wrong.push(String(error)));
  console.log(`\n${feeder.taken} calls in ${MINUTES} minutes\n${table(samples, true)}`);
  console.log(wrong.length === 0 ? "memory is flat" : wrong.join("\n"));
  return wrong.length === 0;
}

async function watched(name: string): Promise<Watched> {
  const page = await stage.page();
  page.setDefaultTimeout(PATIENT);
  await page.addInitScript(watchPace);
  await page.goto("/");
  await page.getByLabel("API key").fill(server.adminKey);
  await page.getByRole("button", { name: "Sign in" }).click();
  await isLive(page);
  return { name, page, session: await page.context().newCDPSession(page) };
}

async function visit(page: Page, view: string): Promise<void> {
  await page.getByRole("link", { name: view, exact: true }).click();
  await page.getByRole("heading", { name: view, level: 1 }).waitFor();
  await isLive(page);
}

/** Calls rest meanwhile: what a page holds of those that are on their way differs from one moment to the next. */
async function look(feeder: Feeder, stays: Watched, moves: Watched): Promise<Sample> {
  const watched = [stays, moves];
  const paces: Pace[] = await Promise.all(watched.map(({ page }) => page.evaluate(takePace)));
  await feeder.rest();
  await shown(feeder, stays.page);
  const pages: Sample["pages"] = [];
  for (const [place, { name, session }] of watched.entries()) {
    pages.push({ name, pace: paces[place] as Pace, ...(await held(session)) });
  }
  const renderers = await stage.renderers();
  const sample = {
    seconds: Math.round(feeder.seconds), pages, sent: feeder.taken, told: await told(stays.page),
    renderers: renderers.reduce((sum, pid) => sum + resident(pid), 0), server: resident(server.pid),
  };
  feeder.goOn();
  await Promise.all(watched.map(({ page }) => page.evaluate(takePace)));
  return sample;
}

/** Waits until all that was sent has been shown, or counted as missed. */
async function shown(feeder: Feeder, page: Page): Promise<void> {
  await until(`page that knows of ${feeder.taken} calls`, async () => (await told(page)) >= feeder.taken, PATIENT);
}

/** Calls that the live view has counted, with those that it says it has missed. */
async function told(page: Page): Promise<number> {
  const number = async (text: RegExp) => {
    const [found] = await page.getByText(text).allTextContents();
    return Number(text.exec(found ?? "")?.[1]?.replaceAll(/\D/g, "") ?? 0);
  };
  return (await number(/([\d,]+) since this page was opened/)) + (await number(/([\d,]+) events went by/));
}
