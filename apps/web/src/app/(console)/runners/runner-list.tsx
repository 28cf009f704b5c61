'use client';

import type { Runner } from '@quorate/shared/runners';
import { ACTIONS } from '@/components/actions-menu';
import { DataList } from '@/components/data-list';
import { LabelChips } from '@/components/labels';
import { Expiry } from '@/components/member-cells';
import { Facts } from '@/components/ui/panel';
import { Connections, Percent, RunnerName, RunnerState, Slots } from './runner-cells';
import { RunnerMenu } from './runner-menu';

export interface RunnerActions {
  open: (runner: Runner) => void;
  remove: (runner: Runner) => void;
}

interface RunnerListProps {
  runners: readonly Runner[];
  actions: RunnerActions;
}

/** Runners by name. */
export function RunnerList({ runners, actions }: RunnerListProps) {
  return (
    <DataList
      label="Runners"
      rows={runners}
      keyOf={({ id }) => id}
      from="xl"
      columns={[
        { head: 'Runner', cell: (runner) => <RunnerName runner={runner} onOpen={actions.open} /> },
        { head: 'State', cell: (runner) => <RunnerState runner={runner} /> },
        { head: 'Slots', cell: (runner) => <Slots runner={runner} /> },
        { head: 'CPU', cell: (runner) => <Percent runner={runner} of="cpu_percent" /> },
        { head: 'Memory', cell: (runner) => <Percent runner={runner} of="memory_percent" /> },
        { head: 'Labels', className: 'max-w-56', cell: ({ labels }) => <LabelChips labels={labels} /> },
        { head: 'Connected', cell: (runner) => <Connections runner={runner} /> },
        { head: 'Certificate', className: 'whitespace-nowrap', cell: (runner) => <Certificate runner={runner} /> },
        { ...ACTIONS, cell: (runner) => <RunnerMenu runner={runner} actions={actions} /> },
      ]}
      card={(runner) => (
        <>
          <div className="flex items-start gap-2">
            <div className="min-w-0 flex-1 space-y-1.5">
              <RunnerName runner={runner} onOpen={actions.open} />
              <RunnerState runner={runner} />
            </div>
            <RunnerMenu runner={runner} actions={actions} />
          </div>
          <Facts
            items={[
              { label: 'Slots', value: <Slots runner={runner} /> },
              { label: 'CPU', value: <Percent runner={runner} of="cpu_percent" /> },
              { label: 'Memory', value: <Percent runner={runner} of="memory_percent" /> },
              { label: 'Labels', value: <LabelChips labels={runner.labels} /> },
              { label: 'Connected', value: <Connections runner={runner} /> },
              { label: 'Certificate', value: <Certificate runner={runner} /> },
            ]}
          />
        </>
      )}
    />
  );
}

/** An embedded runner shows the certificate of its node; it has none of its own. */
const Certificate = ({ runner }: { runner: Runner }) =>
  runner.node_id === null ? (
    <Expiry at={runner.certificate_expires_at} />
  ) : (
    <span className="text-ink-3">its node's</span>
  );
