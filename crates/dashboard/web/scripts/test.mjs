// Runs what is in a folder of tests: unit, e2e; or takes the screenshots, or soaks. Types are checked by `npm run check`.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const ENTRIES = {
  unit: () => readdirSync("unit").filter((name) => name.endsWith(".test.ts")).map((name) => `unit/${name}`),
  e2e: () => readdirSync("e2e").filter((name) => name.endsWith(".test.ts")).map((name) => `e2e/${name}`),
  screenshots: () => ["e2e/screenshots.ts"],
  soak: () => ["e2e/soak.ts"],
};

const what = process.argv[2] ?? "unit";
const out = `node_modules/.tests/${what}`;
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const built = await build({
  entryPoints: ENTRIES[what](),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node18",
  jsx: "automatic",
  jsxImportSource: "preact",
  sourcemap: "inline",
  metafile: true,
});
const files = Object.keys(built.metafile.outputs);
// One browser and one server at a time.
const how = { unit: ["--test"], e2e: ["--test", "--test-concurrency=1"] }[what] ?? [];
const run = spawnSync(process.execPath, ["--enable-source-maps", ...how, ...files], { stdio: "inherit" });
process.exit(run.status ?? 1);
