import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeId, nodeName } from '@quorate/shared/names';
import { z } from 'zod';
import { ensurePrivateDir, writeFileAtomic } from './atomic-file';

/** A member as a joiner learned of it: where to go on after a restart, before the state has arrived. */
export const knownMember = z.object({
  id: nodeId,
  name: z.string(),
  cluster_address: z.string(),
  raft_peer_address: z.string(),
  raft_client_address: z.string(),
  api_url: z.string(),
  state: z.enum(['joining', 'learner', 'voter']),
});

/** `<dataDir>/node.json`: who this node is and how far it has come. Unknown keys of newer versions are kept. */
export const nodeFileSchema = z.looseObject({
  version: z.literal(1),
  node_id: nodeId,
  name: nodeName,
  cluster_id: z.uuid(),
  mode: z.enum(['single', 'raft']),
  /** `admitted`: has its certificate, is not a voter yet. */
  stage: z.enum(['admitted', 'learner', 'complete']),
  /** Members at admission; used until the replicated state knows better. */
  members: z.array(knownMember).max(63).default([]),
});
export type NodeFile = z.infer<typeof nodeFileSchema>;

/** node.json cannot be used. The message names the cure. */
export class NodeFileError extends Error {
  override readonly name = 'NodeFileError';
}

export const nodeFilePath = (dataDir: string): string => join(dataDir, 'node.json');

/** The node file, or undefined on a fresh data directory. @throws NodeFileError when it is damaged */
export function loadNodeFile(dataDir: string): NodeFile | undefined {
  const path = nodeFilePath(dataDir);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parse(path, text);
}

function parse(path: string, text: string): NodeFile {
  const cure = 'put it back from a copy; or remove the node from the cluster, empty its data directory and join again';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NodeFileError(`${path} is not valid JSON; ${cure}`, { cause: error });
  }
  const version = z.object({ version: z.number() }).safeParse(value);
  if (version.success && version.data.version > 1) {
    throw new NodeFileError(`${path} was written by a newer Quorate; run that version or a later one`);
  }
  const parsed = nodeFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'the file';
  throw new NodeFileError(`${path} is damaged at ${where}: ${issue?.message ?? 'invalid'}; ${cure}`);
}

/** Replaces node.json as a whole. @throws ZodError when `file` itself is invalid, before anything is written */
export function saveNodeFile(dataDir: string, file: NodeFile): void {
  const checked = nodeFileSchema.parse(file);
  ensurePrivateDir(dataDir);
  writeFileAtomic(nodeFilePath(dataDir), `${JSON.stringify(checked, null, 2)}\n`);
}
