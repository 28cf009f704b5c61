'use client';

import type { ApiError } from '@quorate/shared/client';
import { commandRoutes } from '@quorate/shared/commands';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { call } from '@/lib/api';
import { type FieldOf, firstOf, pathOfPointer, toApiError } from '@/lib/errors';
import { asSentence } from '@/lib/format';
import { Button } from './ui/button';
import { Notice } from './ui/notice';

interface ProblemNoticeProps {
  error: ApiError | null;
  /** Fields of the form that show their own error; the others are listed here. */
  fields?: readonly string[];
  /** As in the form. */
  fieldOf?: FieldOf;
}

/** Why a write was refused, in the server's own words. */
export function ProblemNotice({ error, fields = [], fieldOf = firstOf }: ProblemNoticeProps) {
  if (!error) return null;
  const { problem } = error;
  if (error.code === 'outcome_unknown') return <OutcomeUnknown error={error} />;
  if (error.code === 'no_quorum') {
    return (
      <Notice tone="warn" role="status" title="Read-only: no quorum">
        {asSentence(error.message)} Nothing was changed.
      </Notice>
    );
  }
  const others = (problem.errors ?? []).filter((entry) => !fields.includes(fieldOf(pathOfPointer(entry.pointer))));
  return (
    <Notice tone="bad" role="alert" title={problem.title}>
      <p>{asSentence(error.message)}</p>
      {others.length > 0 ? (
        <ul className="mt-1 list-disc pl-4">
          {others.map((entry) => (
            <li key={entry.pointer + entry.detail}>
              <code className="font-mono text-xs">{entry.pointer}</code>: {entry.detail}
            </li>
          ))}
        </ul>
      ) : null}
      {error.code === 'internal' ? <p className="font-mono text-2xs">request {problem.request_id}</p> : null}
    </Notice>
  );
}

const OUTCOMES = {
  applied: {
    tone: 'ok',
    title: 'It was applied',
    text: 'The change is in the log. If it made a secret, that is lost: revoke it and make another.',
  },
  refused: { tone: 'bad', title: 'It was refused', text: 'The command was decided and changed nothing' },
  not_seen: {
    tone: 'info',
    title: 'Not applied so far',
    text: 'The cluster has not seen the command. Sending it again is safe: it carries the same id.',
  },
} as const;

function OutcomeUnknown({ error }: { error: ApiError }) {
  const id = error.problem.command_id;
  const client = useQueryClient();
  const lookup = useMutation({
    mutationFn: (commandId: string) => call(commandRoutes.get, { params: { id: commandId } }),
    onSuccess: () => void client.invalidateQueries(),
  });
  const outcome = lookup.data ? OUTCOMES[lookup.data.outcome] : undefined;
  return (
    <Notice
      tone={outcome?.tone ?? 'warn'}
      role="status"
      title={outcome?.title ?? 'The outcome is unknown'}
      actions={
        id ? (
          <Button size="sm" pending={lookup.isPending} onClick={() => lookup.mutate(id)}>
            {outcome ? 'Look again' : 'Look up what happened'}
          </Button>
        ) : undefined
      }
    >
      {outcome ? (
        <p>
          {outcome.text}
          {lookup.data?.code ? ` (${lookup.data.code})` : ''}
          {lookup.data?.index ? ` · index ${lookup.data.index}` : ''}
        </p>
      ) : (
        <>
          <p>{asSentence(error.message)} It may or may not have been applied.</p>
          {id ? <p className="break-all font-mono text-2xs">GET /v1/commands/{id}</p> : null}
        </>
      )}
      {lookup.error ? <p className="text-bad">{toApiError(lookup.error).message}</p> : null}
    </Notice>
  );
}
