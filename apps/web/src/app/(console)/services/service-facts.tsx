import type { Service, ServiceSpec } from '@quorate/shared/services';
import { LabelChips } from '@/components/labels';
import { ShareBar } from '@/components/share-bar';
import { Time } from '@/components/time';
import { Facts, Panel } from '@/components/ui/panel';
import { plural } from '@/lib/format';
import { commandLine } from '@/lib/lines';
import { ServiceBadge, SystemBadge } from './service-badges';
import { autoscalingWords, type Replica, spreadOf } from './service-words';

function healthWords({ health }: ServiceSpec): string {
  if (health.type === 'none') return 'none: healthy while it runs';
  const what =
    health.type === 'http'
      ? `HTTP ${health.path} on ${health.port}`
      : health.type === 'tcp'
        ? `TCP on ${health.port}`
        : commandLine(health);
  return `${what}, every ${health.interval_seconds} s`;
}

/** What it is: the specification in words. */
export function ServiceFacts({ service }: { service: Service }) {
  const { spec } = service;
  const env = Object.keys(spec.env);
  return (
    <Panel title="Service">
      <Facts
        items={[
          {
            label: 'State',
            value: (
              <span className="flex flex-wrap gap-1.5">
                <ServiceBadge service={service} />
                {service.system ? <SystemBadge /> : null}
              </span>
            ),
          },
          { label: 'Command', value: commandLine(spec), mono: true },
          ...(env.length > 0 ? [{ label: 'Environment', value: env.join(', '), mono: true }] : []),
          { label: 'Ports', value: spec.ports.join(', ') || 'none' },
          { label: 'Published', value: spec.publish ? `port ${spec.publish}, by the load balancer` : 'no' },
          { label: 'Health', value: healthWords(spec) },
          { label: 'Scaled', value: autoscalingWords(service) ?? 'by hand' },
          { label: 'Rollout', value: `at most ${spec.max_unavailable} away at once` },
          { label: 'Stops within', value: `${spec.stop_grace_seconds} s` },
          { label: 'Runner labels', value: <LabelChips labels={spec.labels} none="any runner" /> },
          { label: 'Created', value: <Time at={service.created_at} show="both" /> },
          { label: 'Updated', value: <Time at={service.updated_at} show="both" /> },
        ]}
      />
    </Panel>
  );
}

/** How its replicas lie on the runners. */
export function Spread({ instances }: { instances: readonly Replica[] }) {
  const spread = spreadOf(instances);
  const most = Math.max(1, ...spread.map(({ count }) => count));
  if (spread.length === 0) return null;
  return (
    <Panel title="By runner">
      <ul className="space-y-2.5">
        {spread.map(({ runner, count, healthy }) => (
          <li key={runner ?? ''}>
            <p className="flex items-baseline gap-2">
              <span className="min-w-0 flex-1 truncate text-ink">{runner ?? 'not placed'}</span>
              <span className="text-ink-2 text-xs">
                {healthy === count ? plural(count, 'replica') : `${healthy} of ${count} healthy`}
              </span>
            </p>
            <ShareBar share={count / most} tone={healthy === count ? 'ok' : 'warn'} className="mt-1" />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
