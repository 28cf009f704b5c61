'use client';

import { type Job, jobRoutes } from '@quorate/shared/jobs';
import { FormDialog } from '@/components/form-dialog';
import { ProblemNotice } from '@/components/problem-notice';
import { useBodyForm } from '@/lib/body-form';
import { useWrite } from '@/lib/use-write';
import {
  refuseText,
  SUBMIT_DEFAULTS,
  SUBMIT_FIELDS,
  type SubmitValues,
  submitBody,
  submitField,
  valuesOfJob,
} from './submit-body';
import { SubmitFields } from './submit-fields';

interface SubmitDialogProps {
  /** Filled in with this job. */
  like?: Job | undefined;
  onClose: () => void;
  onSubmitted: (job: Job) => void;
}

export function SubmitDialog({ like, onClose, onSubmitted }: SubmitDialogProps) {
  const submit = useWrite(jobRoutes.create, { refresh: ['jobs', 'runners'], onSuccess: onSubmitted });
  const form = useBodyForm({
    schema: jobRoutes.create.body,
    defaults: like ? valuesOfJob(like) : SUBMIT_DEFAULTS,
    toBody: (values: SubmitValues) => submitBody(values),
    error: submit.error,
    fieldOf: submitField,
    refuse: refuseText,
  });
  return (
    <FormDialog
      width="wide"
      title={like ? 'Submit a job like it' : 'Submit a job'}
      description="A program runs on one runner, without a shell; the cluster does the other kinds itself."
      submit="Submit job"
      pending={submit.pending}
      onSubmit={form.handleSubmit((body) => submit.run({ body }))}
      onClose={onClose}
    >
      <SubmitFields form={form} values={form.watch()} />
      <ProblemNotice error={submit.error} fields={SUBMIT_FIELDS} fieldOf={submitField} />
    </FormDialog>
  );
}
