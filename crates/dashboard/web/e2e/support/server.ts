// The real server in a folder of its own, on a port that it keeps over restarts.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./wait.ts";

/** Kernel's help: a server ends with whoever started it, however that ends. */
const TIED = ["setpriv", "--pdeathsig", "KILL", "--"];

export class Server {
  private process: ChildProcess | null = null;

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly settings: Record<string, string>,
  ) {}

  /** With these settings, and defaults for all others. */
  static async start(settings: Record<string, string> = { LOG_BATCH_INTERVAL_MS: "500" }): Promise<Server> {
    const server = new Server(mkdtempSync(join(tmpdir(), "activity-dashboard-")), await freePort(), settings);
    process.on("exit", () => server.kill());
    await server.up();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get adminKey(): string {
    return readFileSync(join(this.folder, "data/secrets/admin_key"), "utf8").trim();
  }

  /** Of its process; 0 while there is none. */
  get pid(): number {
    return this.process?.pid ?? 0;
  }

  async up(): Promise<void> {
    const binary = process.env["ACTIVITY_TRACKER"];
    if (!binary) throw new Error("ACTIVITY_TRACKER has to name the server's binary");
    const [program, ...args] = [...(existsSync("/usr/bin/setpriv") ? TIED : []), binary];
    const settings = { ...this.settings, DATA_DIR: join(this.folder, "data"), PORT: String(this.port) };
    this.process = spawn(program as string, args, {
      cwd: this.folder, env: { PATH: process.env["PATH"] ?? "", ...settings }, stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (said: Buffer) => appendFileSync(join(this.folder, "log"), said));
    }
    await until("a ready server", async () => (await fetch(`${this.url}/readyz`).catch(() => null))?.ok);
  }

  /** kill -9. */
  kill(): void {
    this.process?.kill("SIGKILL");
    this.process = null;
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    const child = this.process;
    const ended = child && new Promise((resolve) => child.once("exit", resolve));
    this.kill();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async post<T = Record<string, unknown>>(path: string, key: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    const answer = await fetch(this.url + path, {
      method: "POST", body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "X-API-Key": key, "Content-Type": "application/json", ...headers },
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async get<T = Record<string, unknown>>(path: string, key: string): Promise<T> {
    const answer = await fetch(this.url + path, { headers: { "X-API-Key": key } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  register(name: string, role = "client", rateLimit = 100_000): Promise<{ clientId: string; apiKey: string }> {
    const email = `${name.toLowerCase().replaceAll(/[^a-z]+/g, ".")}@example.org`;
    return this.post("/api/register", this.adminKey, { name, email, role, ...(role === "client" && { rateLimit }) });
  }
}

/** A port that nobody listens on. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
