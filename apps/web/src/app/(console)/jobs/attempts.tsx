'use client';

import { CORE_RUNNER, type Job } from '@quorate/shared/jobs';
import Link from 'next/link';
import { Time } from '@/components/time';
import { Panel } from '@/components/ui/panel';
import { Table, Td, Th, Tr } from '@/components/ui/table';
import { OutcomeBadge } from '@/components/work-status';
import { useNow } from '@/lib/use-now';
import { endOf, formatDuration, placeOf } from './job-words';

type Attempt = Job['attempts'][number];

/** Each time it was tried: where, for how long, and how that ended. */
export function Attempts({ job }: { job: Job }) {
  if (job.attempts.length === 0) return null;
  return (
    <Panel title="Attempts" flush>
      <Table label="Attempts">
        <thead>
          <tr>
            <Th>Attempt</Th>
            <Th>Outcome</Th>
            <Th>Runner</Th>
            <Th className="text-right">Took</Th>
            <Th className="text-right">Started</Th>
          </tr>
        </thead>
        <tbody>
          {job.attempts.toReversed().map((attempt) => (
            <Tr key={attempt.attempt}>
              <Td>{attempt.attempt}</Td>
              <Td>
                <OutcomeBadge outcome={attempt.outcome} />
                {endOf(attempt) ? <p className="mt-1 break-words text-ink-2 text-xs">{endOf(attempt)}</p> : null}
              </Td>
              <Td>
                <Place attempt={attempt} />
              </Td>
              <Td className="whitespace-nowrap text-right">
                <Took attempt={attempt} />
              </Td>
              <Td className="text-right">
                <Time at={attempt.started_at ?? attempt.assigned_at} />
              </Td>
            </Tr>
          ))}
        </tbody>
      </Table>
    </Panel>
  );
}

function Place({ attempt }: { attempt: Attempt }) {
  if (attempt.runner === CORE_RUNNER) return placeOf(attempt);
  return (
    <Link href={`/runners?runner=${encodeURIComponent(attempt.runner)}`} className="underline-offset-2 hover:underline">
      {attempt.runner}
    </Link>
  );
}

function Took({ attempt: { started_at: from, finished_at: to } }: { attempt: Attempt }) {
  const now = useNow();
  if (from === null) return <span className="text-ink-3">–</span>;
  return <span>{formatDuration((to === null ? now : Date.parse(to)) - Date.parse(from))}</span>;
}
