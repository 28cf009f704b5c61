'use client';

import type { Job } from '@quorate/shared/jobs';
import { useState } from 'react';
import { LogPanel } from '@/components/log-view';
import { JOB_LOG } from '@/lib/log-text';
import { isFinal } from '@/lib/queries';

/** What its attempts write, as it comes. */
export function OutputPanel({ job }: { job: Job }) {
  const final = isFinal(job);
  // A job that is retried writes again, after its stream has ended.
  const [run, setRun] = useState({ count: 0, final });
  if (run.final !== final) setRun({ count: final ? run.count : run.count + 1, final });
  const path = `/v1/jobs/${job.id}/logs`;
  return (
    <LogPanel
      key={run.count}
      title="Output"
      source={JOB_LOG}
      follow={`${path}?follow=true`}
      download={path}
      file={`job-${job.id}.log`}
    />
  );
}
