'use client';

import type { Runner } from '@quorate/shared/runners';
import { LabelChips } from '@/components/labels';
import { Expiry } from '@/components/member-cells';
import { Facts } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
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

/** Runners by name: a table where it fits, cards elsewhere. */
export function RunnerList({ runners, actions }: RunnerListProps) {
  return (
    <>
      <div className="hidden xl:block">
        <Table label="Runners">
          <thead>
            <tr>
              <Th>Runner</Th>
              <Th>State</Th>
              <Th>Slots</Th>
              <Th>CPU</Th>
              <Th>Memory</Th>
              <Th>Labels</Th>
              <Th>Connected</Th>
              <Th>Certificate</Th>
              <Th>
                <span className="sr-only">Actions</span>
              </Th>
            </tr>
          </thead>
          <tbody>
            {runners.map((runner) => (
              <Tr key={runner.id}>
                <Td>
                  <RunnerName runner={runner} onOpen={actions.open} />
                </Td>
                <Td>
                  <RunnerState runner={runner} />
                </Td>
                <Td>
                  <Slots runner={runner} />
                </Td>
                <Td>
                  <Percent value={runner.cpu_percent} />
                </Td>
                <Td>
                  <Percent value={runner.memory_percent} />
                </Td>
                <Td className="max-w-56">
                  <LabelChips labels={runner.labels} />
                </Td>
                <Td>
                  <Connections runner={runner} />
                </Td>
                <Td className="whitespace-nowrap">
                  <Certificate runner={runner} />
                </Td>
                <Td className="w-10 text-right">
                  <RunnerMenu runner={runner} actions={actions} />
                </Td>
              </Tr>
            ))}
          </tbody>
        </Table>
      </div>
      <ul className="divide-y xl:hidden">
        {runners.map((runner) => (
          <li key={runner.id} className="space-y-3 p-3.5">
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
                { label: 'CPU', value: <Percent value={runner.cpu_percent} /> },
                { label: 'Memory', value: <Percent value={runner.memory_percent} /> },
                { label: 'Labels', value: <LabelChips labels={runner.labels} /> },
                { label: 'Connected', value: <Connections runner={runner} /> },
                { label: 'Certificate', value: <Certificate runner={runner} /> },
              ]}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

/** An embedded runner shows the certificate of its node; it has none of its own. */
const Certificate = ({ runner }: { runner: Runner }) =>
  runner.node_id === null ? (
    <Expiry at={runner.certificate_expires_at} />
  ) : (
    <span className="text-ink-3">its node's</span>
  );
