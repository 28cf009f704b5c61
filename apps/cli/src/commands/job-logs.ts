import { errorOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import { type JobLogEvents, jobLogEvents, jobRoutes } from '@quorate/shared/jobs';
import type { Invocation } from '../invocation';
import { plain } from '../output';
import { followStream } from '../stream';

const pathOf = (id: string, query: string): string => `${jobRoutes.logs.path.replace('{id}', id)}?${query}`;

const isEvent = (name: string): name is keyof JobLogEvents => Object.hasOwn(jobLogEvents, name);

/** Output goes to stdout as it is; what there is to say of it, to stderr. */
function show(inv: Invocation, name: keyof JobLogEvents, data: unknown): void {
  if (name === 'output') inv.write(jobLogEvents.output.parse(data).text);
  if (name === 'waiting') {
    const { waiting_for: why } = jobLogEvents.waiting.parse(data);
    inv.note(why === null ? 'waiting for a runner' : `waiting: ${plain(why)}`);
  }
  if (name === 'attempt') {
    const { attempt, runner } = jobLogEvents.attempt.parse(data);
    inv.note(`attempt ${attempt} on ${plain(runner)}`);
  }
  if (name === 'gap') {
    const { bytes, reason } = jobLogEvents.gap.parse(data);
    inv.note(`[${bytes === null ? 'output' : `${bytes} bytes`} left out: ${plain(reason)}]`);
  }
}

/** Prints what a job writes until it is over; undefined after Ctrl-C. */
export async function followJob(
  inv: Invocation,
  id: string,
  attempt?: number,
): Promise<JobLogEvents['end'] | undefined> {
  const query = attempt === undefined ? 'follow=true' : `follow=true&attempt=${attempt}`;
  for await (const { event, data } of followStream(inv, pathOf(id, query))) {
    if (!isEvent(event)) continue;
    const parsed: unknown = JSON.parse(data);
    if (event === 'end') return jobLogEvents.end.parse(parsed);
    show(inv, event, parsed);
  }
  return undefined;
}

/** Prints what is kept by now, byte by byte. */
export async function printOutput(inv: Invocation, id: string, attempt: number | undefined): Promise<void> {
  const response = await inv.open(pathOf(id, attempt === undefined ? '' : `attempt=${attempt}`), { accept: '*/*' });
  if (!response.ok || !response.body) throw await errorOf(response);
  if (response.headers.get(HEADER.output) === 'tail')
    inv.note('[only the end is left, as far as the cluster keeps it: its runner cannot be reached or has no more]');
  for await (const chunk of response.body) {
    if (!inv.io.stdout.write(chunk)) await new Promise((resolve) => inv.io.stdout.once('drain', resolve));
  }
}
