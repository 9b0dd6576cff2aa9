// What is left of a quota, and until when it lasts at this pace.

import { useEffect, useState } from "preact/hooks";

import { now as serverNow } from "../api/http.ts";
import type { Policy, RateLimit } from "../api/types.ts";
import { exhaustion, type Reading, remember } from "../lib/forecast.ts";
import { ago, count, date, duration } from "../lib/format.ts";
import { Card, Loading, Tag } from "../ui/parts.tsx";

interface Props {
  limits: RateLimit | null;
  now: number;
  zone: string;
}

export function QuotaCard({ limits, now, zone }: Props) {
  const [readings, setReadings] = useState<Reading[]>([]);
  useEffect(() => {
    if (limits) setReadings((old) => remember(old, { at: serverNow(), remaining: limits.remaining }));
  }, [limits]);
  return (
    <Card title="Quota" note="Events that may still be recorded">
      {limits
        ? <Quotas limits={limits} readings={readings} now={now} zone={zone} />
        : <Loading height={90} />}
    </Card>
  );
}

export function Quotas({ limits, readings, now, zone }: { limits: RateLimit; readings: Reading[]; now: number; zone: string }) {
  if (limits.policies.length === 0) return <p class="prose">This role is not limited.</p>;
  const resetAt = Date.parse(limits.resetAt);
  const end = exhaustion(readings, resetAt);
  const spent = limits.limit - limits.remaining;
  return (
    <div class="quotas">
      {limits.policies.map((policy) => <Gauge key={policy.name} policy={policy} />)}
      <p class="forecast" data-tone={end !== null ? "bad" : "good"}>
        {limits.remaining === 0
          ? `Used up. It comes back bit by bit, all of it ${ago(resetAt, now)}.`
          : end !== null
            ? `At this pace it is used up ${ago(end, now)}, at ${date(end, zone, "clock")}.`
            : spent === 0
              ? "Nothing is spent."
              : `At this pace it lasts. What is spent now comes back by ${date(resetAt, zone, "clock")} (${ago(resetAt, now)}).`}
      </p>
    </div>
  );
}

function Gauge({ policy }: { policy: Policy }) {
  const left = policy.limit > 0 ? policy.remaining / policy.limit : 0;
  const tone = left <= 0.05 ? "bad" : left <= 0.2 ? "warn" : "good";
  return (
    <div class="gauge" data-tone={tone}>
      <div class="line">
        <strong>{policy.name === "default" ? "Events" : policy.name}</strong>
        {policy.endpoint && <code>{policy.endpoint}</code>}
        {policy.shadow && <Tag kind="muted">reports only</Tag>}
        <span>{count(policy.limit)} in {duration(policy.window)}</span>
      </div>
      <div class="meter" role="meter" aria-valuemin={0} aria-valuemax={policy.limit} aria-valuenow={policy.remaining}
        aria-label={`${policy.name}: ${count(policy.remaining)} of ${count(policy.limit)} left`}>
        <i style={{ width: `${Math.min(100, left * 100)}%` }} />
      </div>
      <div class="line"><b data-test={`left-${policy.name}`}>{count(policy.remaining)}</b> left</div>
    </div>
  );
}
