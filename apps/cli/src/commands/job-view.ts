import type { Job } from '@quorate/shared/jobs';
import { utcTime } from '../duration';
import type { Invocation } from '../invocation';
import { recordView } from '../output';

/** What it does, in one line. */
export const specText = ({ spec }: Pick<Job, 'spec'>): string =>
  spec.kind === 'exec' ? [spec.command, ...spec.args].join(' ') : spec.kind;

export const showJob = (inv: Invocation, data: Job): void => {
  const last = data.attempts.at(-1);
  inv.print(
    recordView({
      data,
      name: data.id,
      fields: [
        ['id', data.id],
        ['what', specText(data)],
        ['state', data.cancel_requested && data.finished_at === null ? `${data.state}, being cancelled` : data.state],
        ['waits for', data.waiting_for],
        ['attempts', `${data.attempts.length}, ${data.retry.max_attempts} allowed`],
        ['runner', last?.runner ?? null],
        ['exit code', last?.exit_code ?? null],
        ['signal', last?.signal ?? null],
        ['error', last?.error || null],
        ['priority', data.priority],
        ['output', data.output_bytes === 0 ? null : `${data.output_bytes} bytes`],
        ['submitted', `${utcTime(data.created_at)} by ${data.created_by}`],
        ['finished', data.finished_at === null ? null : utcTime(data.finished_at)],
      ],
    }),
  );
};

export function showSubmitted(inv: Invocation, data: Job): void {
  showJob(inv, data);
  inv.note(`see what it writes with: quorate job logs ${data.id} --follow`);
}
