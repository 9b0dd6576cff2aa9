// A browser, and pages of it that are signed in.

import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

import { PATIENCE } from "./wait.ts";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export class Stage {
  /** What went wrong on any page, such as what its policy forbade. */
  readonly complaints: string[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly url: string,
  ) {}

  static async open(url: string): Promise<Stage> {
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    return new Stage(await chromium.launch({ executablePath, headless: true, args: FLAGS }), url);
  }

  /** A page in a profile of its own. */
  async page(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({
      locale: "en-GB", timezoneId: "Europe/Berlin", viewport: { width: 1_360, height: 900 }, baseURL: this.url, ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? error.message));
    page.on("console", (message) => {
      // A connection that is refused is no fault of the page.
      if (message.type() === "error" && !/Failed to load resource|ERR_/.test(message.text())) this.complaints.push(message.text());
    });
    return page;
  }

  async signedIn(key: string, path = "/", options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.page(options);
    await page.goto(path);
    await signIn(page, key);
    return page;
  }

  /** Ids of the processes that pages live in. */
  async renderers(): Promise<number[]> {
    const session = await this.browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Views" }).waitFor();
}

export const isLive = (page: Page): Promise<void> => page.locator('.pill[data-is="live"]').waitFor();
