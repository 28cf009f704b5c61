import {
  type OutputChunk,
  type OutputRange,
  outputChunkSchema,
  outputRangeSchema,
} from '@quorate/shared/runner-protocol';
import type { Hono } from 'hono';
import { z } from 'zod';
import type { ClusterEnv } from '../listener';
import type { PeerClient, PeerTarget } from '../peer-client';

/** Output of an attempt, from whoever has it. Undefined: this one does not. */
export type ReadOutput = (runnerId: string, range: OutputRange) => Promise<OutputChunk | undefined>;

/** Core nodes read output of each other's runners: an embedded runner is connected to its own node alone. */
export interface OutputExchange {
  /** Adds the path for peers to the cluster listener's application. */
  serve(app: Hono<ClusterEnv>): void;
  /** What this node can read itself; nothing until this is called. */
  attach(read: ReadOutput): void;
  /** Asks these nodes, one after the other. */
  ask(nodeIds: readonly number[], runnerId: string, range: OutputRange, signal: AbortSignal): ReturnType<ReadOutput>;
}

const OUTPUT_PATH = '/v1/cluster/job-output';
/** Beside what the question itself waits for. */
const ANSWER_MS = 8_000;
const MAX_QUESTION_BYTES = 4_096;
const MAX_ANSWER_BYTES = 256 * 1024;

const questionSchema = z.object({ runner: z.string().max(64), range: outputRangeSchema });
const answerSchema = z.object({ chunk: outputChunkSchema.nullable() });

export function createOutputExchange(deps: {
  readonly client: PeerClient;
  /** Other members. */
  readonly peers: () => readonly PeerTarget[];
}): OutputExchange {
  let read: ReadOutput | undefined;

  async function askOne(peer: PeerTarget, question: z.infer<typeof questionSchema>, signal: AbortSignal) {
    const limit = AbortSignal.timeout(question.range.wait_ms + ANSWER_MS);
    const response = await deps.client.fetch(peer, OUTPUT_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(question),
      signal: AbortSignal.any([signal, limit]),
    });
    const text = await response.text();
    if (!response.ok || text.length > MAX_ANSWER_BYTES) return undefined;
    return answerSchema.parse(JSON.parse(text)).chunk ?? undefined;
  }

  return {
    serve(app) {
      app.post(OUTPUT_PATH, async (c) => {
        const text = await c.req.text();
        const question = questionSchema.safeParse(text.length > MAX_QUESTION_BYTES ? undefined : parse(text));
        if (!question.success) return c.json({ chunk: null }, 400);
        const chunk = await read?.(question.data.runner, question.data.range);
        return c.json({ chunk: chunk ?? null });
      });
    },
    attach(next) {
      read = next;
    },
    async ask(nodeIds, runner, range, signal) {
      for (const peer of deps.peers().filter(({ nodeId }) => nodeIds.includes(nodeId))) {
        // One that cannot be asked has nothing; the next may.
        const found = await askOne(peer, { runner, range }, signal).catch(() => undefined);
        if (found) return found;
      }
      return undefined;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
