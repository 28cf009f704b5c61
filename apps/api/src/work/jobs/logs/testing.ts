import { type JobLogEvents, jobLogEvents } from '@quorate/shared/jobs';

export interface SeenEvent {
  readonly name: keyof JobLogEvents;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every kind.
  readonly data: any;
}

/** Events of a stream of output until it ends, or `enough` says so. */
export async function readLog(
  url: string,
  token: string,
  options: { lastEventId?: string; enough?: (seen: readonly SeenEvent[]) => boolean } = {},
): Promise<SeenEvent[]> {
  const cut = new AbortController();
  const { lastEventId, enough = () => false } = options;
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  };
  const signal = AbortSignal.any([cut.signal, AbortSignal.timeout(30_000)]);
  const response = await fetch(url, { headers, signal });
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`);
  const seen: SeenEvent[] = [];
  let pending = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (pending + chunk).split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const name = field('event') as keyof JobLogEvents | undefined;
      if (name) seen.push({ name, id: field('id'), data: jobLogEvents[name].parse(JSON.parse(field('data') ?? '')) });
    }
    if (enough(seen)) break;
  }
  cut.abort();
  return seen;
}

export const textOf = (seen: readonly SeenEvent[]): string =>
  seen.map(({ name, data }) => (name === 'output' ? data.text : '')).join('');
