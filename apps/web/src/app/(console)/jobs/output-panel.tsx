'use client';

import type { Job } from '@quorate/shared/jobs';
import { CopyButton } from '@/components/copy-button';
import { Panel } from '@/components/ui/panel';
import { isFinal } from '@/lib/queries';

/** What its last attempt wrote. */
export function OutputPanel({ job }: { job: Job }) {
  const copy = job.output_tail ? <CopyButton text={job.output_tail} what="output" /> : undefined;
  return (
    <Panel title="Output" flush actions={copy}>
      {job.output_tail ? (
        <pre className="max-h-[60vh] overflow-auto whitespace-pre-wrap break-all bg-sunken p-3.5 font-mono text-ink text-xs leading-5">
          {job.output_tail}
        </pre>
      ) : (
        <p className="px-3.5 py-3 text-ink-2">
          {isFinal(job) ? 'It wrote nothing.' : 'Its output shows here once the attempt is over.'}
        </p>
      )}
    </Panel>
  );
}
