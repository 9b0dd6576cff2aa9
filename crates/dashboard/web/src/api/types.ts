// What the API answers, as far as the dashboard reads it. The reference is /api-docs.

export type Role = "client" | "service" | "admin";

export interface Summary {
  requestCount: number;
  errorCount: number;
  avgResponseTime: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export interface Point extends Summary {
  at: string;
}

export interface Series {
  from: string;
  to: string;
  bucket: Bucket;
  timezone: string;
  generatedAt: string;
  series: { group: string | null; points: Point[] }[];
}

export type Bucket = "1m" | "5m" | "15m" | "1h" | "1d";

export interface Daily {
  data: (Summary & { date: string; clientId: string })[];
  nextCursor?: string | null;
}

export interface EndpointRow extends Summary {
  endpoint: string;
  method: string;
}

export interface Endpoints {
  from: string;
  to: string;
  data: EndpointRow[];
}

export interface TopRow {
  rank: number;
  clientId: string;
  name: string;
  requestCount: number;
  errorCount: number;
  avgResponseTime: number | null;
  lastAccess: string | null;
}

export interface Top {
  from: string;
  to: string;
  data: TopRow[];
}

export interface LogEntry {
  timestamp: string;
  clientId: string;
  id: string;
  endpoint: string;
  method: string;
  statusCode: number | null;
  responseTime?: number;
  ipAddress?: string;
  userAgent?: string;
  requestBytes?: number;
  responseBytes?: number;
  errorMessage?: string;
  metadata?: Record<string, unknown>;
}

export interface LogPage {
  data: LogEntry[];
  nextCursor?: string;
}

export interface Key {
  keyId: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

export interface Limit {
  name: string;
  limit: number;
  window: number;
  endpoint?: string;
  shadow?: boolean;
}

export interface Client {
  clientId: string;
  name: string;
  email: string | null;
  role: Role;
  rateLimit: number;
  limits: Limit[];
  isActive: boolean;
  createdAt: string;
  lastAccessAt: string | null;
  keys: Key[];
}

export interface ClientPage {
  data: Client[];
  nextCursor: string | null;
}

export interface Policy extends Limit {
  remaining: number;
}

export interface RateLimit {
  limit: number;
  window: number;
  remaining: number;
  resetAt: string;
  policies: Policy[];
}

export interface NewKey {
  keyId: string;
  apiKey: string;
  expiresAt: string | null;
}

export interface Registered {
  clientId: string;
  name: string;
  email: string;
  apiKey: string;
  rateLimit: number;
}

export interface Prewarmed {
  at: string;
  warmed: number;
  skipped: number;
  failed: number;
  tookMs: number;
}

export interface CacheStats {
  hits: number;
  misses: number;
  stale: number;
  hitRate: number;
  entries: number;
  bytes: number;
  maxBytes: number;
  hottestKeys: { key: string; hits: number; misses: number; lastAsked: string; costMs: number }[];
  lastPrewarm?: Prewarmed;
}

export interface HealthReport {
  status: string;
  version: string;
  checks: { name: string; ok: boolean; detail: string }[];
}
