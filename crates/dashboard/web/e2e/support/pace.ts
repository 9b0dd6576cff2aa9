// How smoothly a page goes: its frames and long tasks. Begins in the page, before anything of its own.

export interface Pace {
  /** When it began, by the page's clock; of one that was taken, how long it is. */
  seconds: number;
  frames: number;
  /** Frames that came more than `SLOW` milliseconds after the one before. */
  slow: number;
  /** The longest time between two, in milliseconds. */
  longestFrame: number;
  /** Milliseconds of the longest task above 50. */
  longestTask: number;
  /** Milliseconds that tasks above 50 took in all. */
  blocked: number;
}

declare global {
  interface Window {
    pace: Pace;
  }
}

export function watchPace(): void {
  const SLOW = 50;
  let last = performance.now();
  window.pace = { seconds: last / 1_000, frames: 0, slow: 0, longestFrame: 0, longestTask: 0, blocked: 0 };
  const frame = (now: number) => {
    const took = now - last;
    last = now;
    window.pace.frames++;
    if (took > SLOW) window.pace.slow++;
    window.pace.longestFrame = Math.max(window.pace.longestFrame, took);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      window.pace.longestTask = Math.max(window.pace.longestTask, duration);
      window.pace.blocked += duration;
    }
  }).observe({ type: "longtask" });
}

/** What was since the last time. */
export function takePace(): Pace {
  const { pace } = window;
  const now = performance.now() / 1_000;
  window.pace = { seconds: now, frames: 0, slow: 0, longestFrame: 0, longestTask: 0, blocked: 0 };
  return { ...pace, seconds: now - pace.seconds };
}
