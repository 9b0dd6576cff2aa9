// A reader who has a keyboard and nothing else, and looks where the focus is.

import assert from "node:assert/strict";

import type { ElementHandle, Locator, Page } from "playwright-core";

import { until } from "./wait.ts";

/** Stops after which there is no way. */
const FAR = 120;

export class Keyboard {
  constructor(private readonly page: Page) {}

  /** Goes on by Tab, or back by Shift+Tab, until this has the focus. Wherever it stops, the focus has to be seen. */
  async to(wanted: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
    const handle = await wanted.elementHandle();
    const stops: string[] = [];
    for (let stop = await this.look(handle); !stop.isIt; stop = await this.look(handle)) {
      stops.push(stop.name);
      assert.ok(stops.length < FAR, `${wanted} cannot be reached; ${stops.join(" > ")}`);
      await this.page.keyboard.press(key);
    }
  }

  /** Goes to it, and presses a key there. */
  async press(wanted: Locator, key = "Enter"): Promise<void> {
    await this.to(wanted);
    await this.page.keyboard.press(key);
  }

  /** A choice of a list, by its arrows. */
  async choose(select: Locator, value: string): Promise<void> {
    await this.to(select);
    const options = await select.locator("option").evaluateAll((all) => all.map((option) => (option as HTMLOptionElement).value));
    const place = async () => options.indexOf(await select.inputValue());
    const wanted = options.indexOf(value);
    assert.ok(wanted >= 0, `${value} is no choice of ${options.join()}`);
    for (let from = await place(); from !== wanted; from = await place()) {
      await this.page.keyboard.press(wanted > from ? "ArrowDown" : "ArrowUp");
      await until("another choice", async () => (await place()) !== from);
    }
  }

  /** The focus comes to this by itself. */
  async isAt(wanted: Locator): Promise<void> {
    await until(`focus at ${wanted}`, () => hasFocus(wanted).catch(() => false));
  }

  /** Goes all around a dialog, and never behind it. */
  async isTrapped(dialog: Locator): Promise<void> {
    for (const key of ["Tab", "Shift+Tab"]) {
      for (let stop = 0; stop < 12; stop++) {
        await this.page.keyboard.press(key);
        await this.look();
        // Between the last and the first there is the browser itself.
        const isIn = await dialog.evaluate((element) => element.contains(document.activeElement) || document.activeElement === document.body);
        assert.ok(isIn, `${key} leaves the dialog`);
      }
    }
  }

  /** Says what has the focus; fails if that is not seen. */
  private async look(wanted: ElementHandle | null = null): Promise<{ name: string; isIt: boolean }> {
    const { name, wrong, isIt } = await this.page.evaluate(seen, wanted);
    assert.equal(wrong, null, `${name}: ${wrong}`);
    return { name, isIt };
  }
}

const hasFocus = (wanted: Locator) => wanted.evaluate((element) => element === document.activeElement);

/** What has the focus, and why that cannot be seen. Runs in the page. */
function seen(wanted: Node | null): { name: string; wrong: string | null; isIt: boolean } {
  const element = document.activeElement;
  const isIt = element === wanted;
  if (!(element instanceof HTMLElement) || element === document.body) return { name: "the browser", wrong: null, isIt };
  // Where a view begins; nothing can be done there.
  if (element.id === "main") return { name: "the view", wrong: null, isIt };
  const name = `${element.tagName.toLowerCase()} ${element.getAttribute("aria-label") ?? element.textContent?.slice(0, 30) ?? ""}`;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const isIn = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const hasLine = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && !/, 0\)|transparent/.test(style.outlineColor);
  const wrong = box.width < 4 || box.height < 4 ? "too small to be seen" : !isIn ? "outside of what is seen" : hasLine ? null : "nothing shows that it has the focus";
  return { name, wrong, isIt };
}
