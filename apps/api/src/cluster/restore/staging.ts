import { createReadStream, existsSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { type RestoreOperation, restoreOperationSchema } from '@quorate/shared/restore';
import type { Hono } from 'hono';
import { z } from 'zod';
import { DomainError } from '../../commands/domain-error';
import type { Logger } from '../../lib/logger';
import { hashFile } from '../../replication/snapshot';
import type { ClusterEnv } from '../listener';
import type { PeerClient, PeerTarget } from '../peer-client';
import type { RestoreDirectory } from './directory';
import { MAX_HOLD_MS, type WriteHold } from './hold';
import { discard, sync } from './prepare';

const BASE = '/v1/cluster/restore';
/** Bound on fetching a file from a peer. */
const TRANSFER_MS = 60 * 60_000;
const ANSWER_MS = 3_000;
const LOOK_MS = 1_000;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const stageRequest = z.strictObject({ sha256, bytes: z.int().positive() });
const stageAnswer = z.object({ state: z.enum(['staging', 'staged', 'failed']), detail: z.string() });
export type StageAnswer = z.infer<typeof stageAnswer>;

export interface StagingDeps {
  readonly directory: RestoreDirectory;
  readonly client: PeerClient;
  /** The cluster address of a member. */
  readonly addressOf: (nodeId: number) => string | undefined;
  readonly hold: WriteHold;
  /** Whether this build can take the file over. @throws DomainError backup_schema_newer: it was prepared by a newer one */
  readonly inspect: (path: string) => void;
  /** The last operation that this node has carried out. */
  readonly operation: () => RestoreOperation | null;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The members' side of a restore: fetching the file by its hash, giving it to others, holding writes. */
export interface Staging {
  /** Adds the paths that peers call to the cluster listener's application. */
  serve(app: Hono<ClusterEnv>): void;
  /** Asks a peer to fetch the file from this node; answers how far it is. Repeating it is harmless. */
  askToStage(peer: PeerTarget, file: { sha256: string; bytes: number }): Promise<StageAnswer>;
  /** Asks peers to hold their writes for `ms`; those that don't answer don't hold. */
  askToHold(peers: readonly PeerTarget[], ms: number): Promise<void>;
  /** What was staged is about to be changed into the new state: another restore of the same file brings it anew. */
  forget(): void;
  /** What those that answer have carried out. */
  askForOperations(peers: readonly PeerTarget[]): Promise<RestoreOperation[]>;
}

export function createStaging(deps: StagingDeps): Staging {
  const { directory, client, logger } = deps;
  let running: { sha256: string; state: StageAnswer['state']; detail: string } | undefined;

  async function fetchFile(from: PeerTarget, file: { sha256: string; bytes: number }): Promise<void> {
    const path = directory.temporary();
    try {
      directory.requireSpace(file.bytes * 2, 'staging the file');
      const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(TRANSFER_MS)]);
      const response = await client.fetch(from, `${BASE}/files/${file.sha256}`, { signal });
      if (!response.ok || !response.body) throw new Error(`node ${from.nodeId} answered ${response.status}`);
      await directory.receive(response.body as never, path, signal);
      if ((await hashFile(path)) !== file.sha256) throw new Error('what arrived does not match its hash');
      // In the middle of an upgrade the nodes would make different states of it.
      deps.inspect(path);
      sync(path);
      renameSync(path, directory.staged(file.sha256));
      sync(dirname(path));
    } finally {
      discard(path);
    }
  }

  function stage(from: PeerTarget, file: { sha256: string; bytes: number }): StageAnswer {
    // Only what this process has brought: an earlier restore may have changed a file of that name.
    const isBrought = running?.sha256 === file.sha256 && running.state === 'staged';
    if (isBrought && existsSync(directory.staged(file.sha256))) return { state: 'staged', detail: '' };
    if (running?.state === 'staging') {
      const other = running.sha256 !== file.sha256;
      return other ? { state: 'failed', detail: 'another file is being staged' } : { ...running };
    }
    if (running?.sha256 === file.sha256 && running.state === 'failed') {
      const { detail } = running;
      running = undefined;
      return { state: 'failed', detail };
    }
    directory.removeStaged();
    const task: { sha256: string; state: StageAnswer['state']; detail: string } = {
      sha256: file.sha256,
      state: 'staging',
      detail: '',
    };
    running = task;
    fetchFile(from, file).then(
      () => {
        task.state = 'staged';
      },
      (error: unknown) => {
        logger.warn({ err: error }, 'staging the file of a restore failed');
        task.state = 'failed';
        task.detail = error instanceof Error ? error.message : String(error);
      },
    );
    return { state: 'staging', detail: '' };
  }

  async function post(peer: PeerTarget, path: string, body: unknown): Promise<unknown> {
    const response = await client.fetch(peer, path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(z.object({ detail: z.string() }).parse(answer).detail);
    return answer;
  }

  async function operationOf(peer: PeerTarget): Promise<RestoreOperation[]> {
    const response = await client.fetch(peer, `${BASE}/operation`, { signal: AbortSignal.timeout(LOOK_MS) });
    const { operation } = z.object({ operation: restoreOperationSchema.nullable() }).parse(await response.json());
    return operation ? [operation] : [];
  }

  return {
    serve(app) {
      app.get(`${BASE}/operation`, (c) => c.json({ operation: deps.operation() }));
      app.post(`${BASE}/stage`, async (c) => {
        const nodeId = c.get('peer')?.nodeId ?? 0;
        const address = deps.addressOf(nodeId);
        if (!address) throw new DomainError('certificate_required', 'only a member may ask for this');
        return c.json(stage({ nodeId, address }, stageRequest.parse(await c.req.json())));
      });
      app.get(`${BASE}/files/:sha256`, (c) => {
        const path = directory.staged(sha256.parse(c.req.param('sha256')));
        if (!existsSync(path)) throw new DomainError('not_found', 'this file is not staged here');
        const headers = { 'content-type': 'application/vnd.sqlite3', 'content-length': String(statSync(path).size) };
        return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream, { headers });
      });
      app.post(`${BASE}/hold`, async (c) => {
        const { ms } = z.strictObject({ ms: z.int().min(0).max(MAX_HOLD_MS) }).parse(await c.req.json());
        if (ms === 0) deps.hold.release();
        else await deps.hold.hold(ms);
        return c.json({});
      });
    },
    forget() {
      running = undefined;
    },
    askToStage: async (peer, file) => stageAnswer.parse(await post(peer, `${BASE}/stage`, file)),
    async askForOperations(peers) {
      return (await Promise.all(peers.map((peer) => operationOf(peer).catch(() => [])))).flat();
    },
    async askToHold(peers, ms) {
      await Promise.all(peers.map((peer) => post(peer, `${BASE}/hold`, { ms }).catch(() => undefined)));
    },
  };
}
