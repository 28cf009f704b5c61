import { type CallInput, type CallResult, createClient, indexOf } from '@quorate/shared/client';
import { HEADER } from '@quorate/shared/http-headers';
import type { RouteDefinition } from '@quorate/shared/route';
import { learnServerTime } from './server-clock';

const clientWithin = (timeoutMs: number) =>
  createClient({
    baseUrl: '',
    timeoutMs,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      learnServerTime(response.headers.get('date'));
      return response;
    },
  });
const client = clientWithin(20_000);
/** A write may have to stretch a passphrase, which takes a busy node half a minute; its answer must not be given up. */
const writer = clientWithin(60_000);

/** How long after a write the reads ask for at least its index: behind a load balancer another node may answer. */
const READ_YOUR_WRITES_MS = 8_000;
let lastWrite: { index: number; atMs: number } | undefined;

/** One call, as the contract types it. @throws ApiError */
export const call = client.call;
/** One call with the answer's headers and status. @throws ApiError */
export const callFull = client.callFull;

/** A write: like {@link callFull}, and remembers the log index so that the next reads include it. @throws ApiError */
export async function write<R extends RouteDefinition>(route: R, input: CallInput<R>): Promise<CallResult<R>> {
  const answer = await writer.callFull(route, input);
  const index = indexOf(answer.headers);
  if (index !== undefined && index > (lastWrite?.index ?? 0)) lastWrite = { index, atMs: Date.now() };
  return answer.data;
}

/** The header that makes a read wait for this tab's last write, for a few seconds after it. */
export function afterLastWrite(): Record<string, string> {
  if (!lastWrite || Date.now() - lastWrite.atMs > READ_YOUR_WRITES_MS) return {};
  return { [HEADER.minIndex]: String(lastWrite.index) };
}
