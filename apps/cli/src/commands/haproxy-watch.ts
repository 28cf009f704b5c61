import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventSchema, topicOf } from '@quorate/shared/events';
import { type HAPROXY_VERSIONS, haproxyRoutes } from '@quorate/shared/haproxy';
import { replaceFile } from '../files';
import type { Invocation } from '../invocation';
import { reportOf } from '../report';
import { followEvents } from '../stream';

const EXEC_TIMEOUT_MS = 60_000;
/** However quiet the stream is, the file is compared with the cluster this often. */
const RESYNC_MS = 60_000;
const TOPICS = new Set(['haproxy', 'member', 'members']);

export interface WatchOptions {
  for?: (typeof HAPROXY_VERSIONS)[number];
  out: string;
  exec?: string;
}

function concerns(data: string): boolean {
  const parsed = eventSchema.safeParse(JSON.parse(data));
  return parsed.success && TOPICS.has(topicOf(parsed.data.type));
}

async function runHook(inv: Invocation, command: string): Promise<void> {
  const options = { timeout: EXEC_TIMEOUT_MS, signal: inv.io.signal };
  await promisify(execFile)('/bin/sh', ['-c', command], options).then(
    () => inv.note(`Ran: ${command}`),
    (error: Error & { stderr?: string }) =>
      inv.warn(`'${command}' failed: ${(error.stderr || error.message).trim().slice(0, 500)}`),
  );
}

/**
 * Keeps `out` equal to the configuration for the live members until Ctrl-C, and runs `exec` after each change.
 * @throws CliError, ApiError when the first read or write fails; later failures are warned about and tried again
 */
export async function watchConfig(inv: Invocation, options: WatchOptions): Promise<void> {
  let written: string | undefined;
  let syncedAtMs = 0;
  const sync = async (): Promise<void> => {
    const { data } = await inv.callFull(haproxyRoutes.config, { query: { version: options.for } });
    syncedAtMs = Date.now();
    if (data === written) return;
    await replaceFile(options.out, data);
    written = data;
    inv.note(`${new Date().toISOString().slice(0, 19)}Z wrote ${options.out}`);
    if (options.exec !== undefined) await runHook(inv, options.exec);
  };
  await sync();
  for await (const { event, data } of followEvents(inv, {})) {
    const due = Date.now() - syncedAtMs > RESYNC_MS;
    if (!due && !(event === 'event' && concerns(data))) continue;
    await sync().catch((error: unknown) => {
      syncedAtMs = 0;
      inv.warn(`${reportOf(error).message}; trying again`);
    });
  }
}
