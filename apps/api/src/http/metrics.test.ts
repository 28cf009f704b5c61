import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ApiNode, startApiNode } from '../testing/api-node';

const DOCS = join(import.meta.dirname, '../../../../docs');

/** Every `expr` at any depth. */
function expressionsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  );
}

/** Names that metrics of a node have; `up` is Prometheus' own. */
const namesIn = (expression: string): string[] =>
  [...expression.matchAll(/\b(?:quorate|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name);

describe('the metrics of a real node', () => {
  let api: ApiNode;
  let text = '';
  let exported: Set<string>;
  beforeAll(async () => {
    api = await startApiNode();
    const token = await api.setUp();
    const body = { name: 'pager', url: 'https://example.com/hook', enabled: false };
    await api.call('POST', '/v1/webhooks', { token, body });
    text = (await api.call('GET', '/metrics')).text;
    exported = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
      ),
    );
  });
  afterAll(() => api?.stop());

  it.each(['grafana-dashboard.json', 'alert-rules.yml'])('are all that %s asks for', (file) => {
    const expressions = expressionsIn(parse(readFileSync(join(DOCS, file), 'utf8')));
    const asked = [...new Set(expressions.flatMap(namesIn))];
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !exported.has(name))).toEqual([]);
  });

  it('are all explained, and all shown on the dashboard', () => {
    const own = [...exported]
      .map((name) => name.replace(/_(bucket|count|sum)$/, ''))
      .filter((name) => /^quorate_/.test(name));
    const dashboard = readFileSync(join(DOCS, 'grafana-dashboard.json'), 'utf8');
    const guide = readFileSync(join(DOCS, 'monitoring.md'), 'utf8');
    expect(own.filter((name) => !dashboard.includes(name))).toEqual([]);
    expect(own.filter((name) => !guide.includes(name))).toEqual([]);
  });

  it('tell what happened', () => {
    const sampleOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    expect(sampleOf('quorate_applied_index')).toBeGreaterThan(0);
    expect(sampleOf('quorate_commands_applied_total')).toBeGreaterThan(0);
    expect(sampleOf('quorate_apply_seconds_total')).toBeGreaterThan(0);
    expect(sampleOf('quorate_proposal_duration_seconds_count\\{outcome="ok"\\}')).toBeGreaterThan(0);
    expect(sampleOf('quorate_member_lag_entries\\{member="alpha"\\}')).toBe(0);
    expect(sampleOf('quorate_certificate_expiry_timestamp_seconds\\{certificate="ca"\\}')).toBeGreaterThan(
      Date.now() / 1000,
    );
    expect(sampleOf('quorate_state_bytes')).toBeGreaterThan(4096);
    expect(sampleOf('quorate_webhook_dead_letters\\{webhook="pager"\\}')).toBe(0);
    // Single: no etcd; never backed up.
    expect(text).not.toMatch(/^quorate_(etcd_db_bytes|last_backup_timestamp_seconds) /m);
  });
});
