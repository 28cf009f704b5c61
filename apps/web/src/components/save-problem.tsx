'use client';

import type { ApiError } from '@quorate/shared/client';
import { ProblemNotice } from './problem-notice';
import { Button } from './ui/button';
import { Notice } from './ui/notice';

/** Why settings were not saved; where somebody else was faster, with the way to theirs. */
export function SaveProblem({
  error,
  fields,
  onLoad,
}: {
  error: ApiError | null;
  fields: readonly string[];
  onLoad: () => void;
}) {
  if (error?.code !== 'precondition_failed') return <ProblemNotice error={error} fields={fields} />;
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
