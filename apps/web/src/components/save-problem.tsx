'use client';

import type { ComponentProps } from 'react';
import { ProblemNotice } from './problem-notice';
import { Button } from './ui/button';
import { Notice } from './ui/notice';

/** Why settings were not saved; where somebody else was faster, with the way to theirs. */
export function SaveProblem({ onLoad, ...problem }: ComponentProps<typeof ProblemNotice> & { onLoad: () => void }) {
  if (problem.error?.code !== 'precondition_failed') return <ProblemNotice {...problem} />;
  return (
    <Notice
      tone="warn"
      role="alert"
      title="Somebody saved other settings meanwhile"
      actions={
        <Button size="sm" onClick={onLoad}>
          Load the current settings
        </Button>
      }
    >
      Nothing of yours was saved. Loading replaces what you have typed.
    </Notice>
  );
}
