import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { confirm, intro, isCancel, log, note, outro, select } from '@clack/prompts';
import { logPrefixOf } from '../cluster/journal';
import { type Identity, loadIdentity } from '../cluster/pki/identity';
import { loadNodeFile, type NodeFile } from '../cluster/pki/node-file';
import { memberName } from '../cluster/raft-engine';
import { openJournal } from '../cluster/recovery/journal-tail';
import { bringForward, commitRecovery, copyStateFile, type Rebuilt, rebuildState } from '../cluster/recovery/rebuild';
import { type Candidate, rankCandidates, readSurvivor, type Survivor } from '../cluster/recovery/survivor';
import { checkIntegrity } from '../cluster/restore/state-file-check';
import type { Config } from '../config/derive';
import { systemClock } from '../lib/clock';
import { lockDirectory } from '../lib/directory-lock';
import { createLogger, type Logger } from '../lib/logger';
import { commandRegistry } from '../registry';
import { type ConfigOptions, type HostContext, load } from './config-options';
import { HostError, reasonOf, UsageError } from './host-error';
import { askMembers } from './recover-peers';
import { candidateLine, planLines, planOf, type RecoverPlan } from './recover-report';

export interface RecoverOptions extends ConfigOptions {
  readonly from: readonly string[];
  readonly use?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly output: 'text' | 'json';
}

interface Ground {
  readonly context: HostContext;
  readonly options: RecoverOptions;
  readonly config: Config;
  readonly nodeFile: NodeFile;
  readonly identity: Identity;
  /** For copies and journals in progress; gone at the end. */
  readonly workDir: string;
  readonly logger: Logger;
}

/**
 * `quorated recover`: the quorum is lost for good. Makes a cluster of one from the best of what is left.
 * @returns 0 done, or previewed; 1 given up
 */
export async function runRecover(context: HostContext, options: RecoverOptions): Promise<number> {
  const { config } = load(context, options);
  const guided = options.yes !== true && options.dryRun !== true && context.stderrTty;
  if (!guided && options.yes !== true && options.dryRun !== true) {
    throw new UsageError(
      'this must be confirmed and there is no terminal to ask on: add --yes, or --dry-run to look first',
    );
  }
  if (config.raft.endpoints.length > 0) {
    throw new HostError(
      'the log is in an etcd of yours (raft.endpoints), so no quorum of nodes can be lost: bring that etcd back and start any ' +
        'node; or found a new cluster under another cluster.token from a backup: quorate agent cluster init-from-db FILE',
    );
  }
  const nodeFile = loadNodeFile(config.data_dir);
  const identity = loadIdentity(config.data_dir);
  if (!nodeFile || !identity) {
    throw new HostError(
      `${config.data_dir} is not the data directory of a member: run this on a node of the lost cluster, or start a fresh ` +
        'node and give it a state file with quorate agent cluster init-from-db',
    );
  }
  const unlock = lockDirectory(config.data_dir);
  const parent = join(config.data_dir, 'restore');
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const workDir = mkdtempSync(join(parent, 'work-recover-'));
  try {
    const logger = createLogger({ level: 'error', format: 'text' });
    return await recover({ context, options, config, nodeFile, identity, workDir, logger }, guided);
  } finally {
    rmSync(workDir, { recursive: true, force: true });
    unlock();
  }
}

async function recover(ground: Ground, guided: boolean): Promise<number> {
  const { options, config, nodeFile, context } = ground;
  const { candidates, rejected } = await examine(ground);
  const ranked = rankCandidates(candidates);
  const best = ranked[0];
  if (!best) {
    const found = rejected.map(({ path, why }) => `${path}: ${why}`).join('; ');
    throw new HostError(
      `nothing to recover from (${found}); give other survivors with --from, or a backup to init-from-db`,
    );
  }
  const planFor = (chosen: Candidate): RecoverPlan =>
    planOf({ dataDir: config.data_dir, nodeId: nodeFile.node_id, ranked, rejected, chosen });
  let chosen = named(ranked, options.use) ?? best;
  if (guided) {
    const answer = await ask(planFor(chosen), ranked);
    if (!answer) return 1;
    chosen = answer;
  }
  const plan = planFor(chosen);
  if (!chosen.members.some(({ id }) => id === nodeFile.node_id)) {
    throw new HostError(`node ${nodeFile.node_id} is no member in ${chosen.path}: run this on a node that is`);
  }
  await refuseLiving(ground, chosen);
  if (options.dryRun) return print(context, options, { plan, done: undefined });
  if (!guided && options.output === 'text') process.stderr.write(`${planLines(plan).join('\n')}\n`);
  const done = await carryOut(ground, chosen);
  if (guided) outro(`node ${nodeFile.node_id} is a cluster of one at epoch ${done.epoch}; start it`);
  return print(context, options, { plan, done });
}

/** Reads every survivor and what its journal holds beyond its state. */
async function examine(ground: Ground) {
  const { config, options, context } = ground;
  const paths = [...new Set([config.data_dir, ...options.from].map((path) => resolve(path)))];
  const candidates: Candidate[] = [];
  const rejected: { path: string; why: string }[] = [];
  for (const path of paths) {
    try {
      const survivor = readSurvivor(path, context.migrationsDir);
      if (survivor.facts.clusterId !== ground.nodeFile.cluster_id) {
        throw new HostError(`it is of another cluster (${survivor.facts.clusterId})`);
      }
      await checkIntegrity(survivor.statePath);
      candidates.push(await withTail(ground, survivor, candidates.length));
    } catch (error) {
      rejected.push({ path, why: reasonOf(error) });
    }
  }
  return { candidates, rejected };
}

/** With what its journal holds beyond its state, brought into a copy: only that knows who the members are by now. */
async function withTail(ground: Ground, survivor: Survivor, order: number): Promise<Candidate> {
  const none = { ...survivor, tail: { index: survivor.facts.index, problem: '' } };
  if (!survivor.raftDir) return none;
  const workDir = join(ground.workDir, String(order));
  mkdirSync(workDir);
  try {
    const journal = await openJournal({
      raftDir: survivor.raftDir,
      workDir,
      binary: ground.config.raft.binary,
      prefix: logPrefixOf(ground.config),
      memberName: memberName(survivor.nodeId ?? ground.nodeFile.node_id),
      logger: ground.logger,
    });
    try {
      const { epoch, index } = survivor.facts;
      const { tip, term } = journal;
      if (journal.epoch !== epoch) throw new Error(`it is of epoch ${journal.epoch}, the state of epoch ${epoch}`);
      const candidate = { ...survivor, tail: { index: Math.max(index, tip), term, problem: '' } };
      if (tip <= index) return candidate;
      const statePath = join(workDir, 'state.db');
      copyStateFile(survivor.statePath, statePath);
      const { migrationsDir } = ground.context;
      const { logger } = ground;
      const members = await bringForward({
        path: statePath,
        journal,
        migrationsDir,
        registry: commandRegistry,
        logger,
      });
      return { ...candidate, statePath, members };
    } finally {
      await journal.close();
    }
  } catch (error) {
    return { ...none, tail: { ...none.tail, problem: reasonOf(error) } };
  }
}

function named(ranked: readonly Candidate[], use: string | undefined): Candidate | undefined {
  if (use === undefined) return undefined;
  const found = ranked.find(({ path }) => path === resolve(use));
  if (found) return found;
  throw new UsageError(
    `--use ${use} is none of the survivors that can be used: ${ranked.map(({ path }) => path).join(', ')}`,
  );
}

/** @throws HostError a quorum is there, or could be by starting what answers */
async function refuseLiving(ground: Ground, chosen: Candidate): Promise<void> {
  const { nodeFile, identity, options } = ground;
  const others = chosen.members.filter(({ id }) => id !== nodeFile.node_id);
  const answering = await askMembers(others, identity);
  const voters = chosen.members.filter(({ state }) => state === 'voter');
  const needed = Math.floor(voters.length / 2) + 1;
  const living = answering.filter(({ member }) => member.state === 'voter');
  const isAlive = living.length >= needed || living.some(({ hasLeader }) => hasLeader);
  if (!isAlive || options.force) return;
  const names = living.map(({ member }) => member.name).join(', ');
  throw new HostError(
    `${names} answer, so the quorum is not lost for good: start this node instead. With --force this node goes on without ` +
      'them, and what they have acknowledged since is lost',
  );
}

async function ask(plan: RecoverPlan, ranked: readonly Candidate[]): Promise<Candidate | undefined> {
  const output = process.stderr;
  intro('recover a cluster whose quorum is lost for good', { output });
  note(planLines(plan).join('\n'), 'what was found', { output });
  let chosen: Candidate | undefined = ranked[0];
  if (ranked.length > 1) {
    const options = plan.candidates.map((item) => ({ value: item.path, label: item.path, hint: candidateLine(item) }));
    const path = await select({ message: 'Go on from', options, initialValue: plan.chosen, output });
    if (isCancel(path)) chosen = undefined;
    else chosen = ranked.find((candidate) => candidate.path === path);
  }
  const question = `Make node ${plan.node_id} a cluster of one? The other members can never come back as they are.`;
  const agreed = chosen && (await confirm({ message: question, initialValue: false, output }));
  if (chosen && agreed === true) return chosen;
  log.warn('given up; nothing was changed', { output });
  return undefined;
}

async function carryOut(ground: Ground, chosen: Candidate): Promise<Rebuilt & { kept: string }> {
  const { config, nodeFile, workDir, context, logger } = ground;
  const state = join(workDir, 'state.db');
  copyStateFile(chosen.statePath, state);
  const rebuilt = await rebuildState({
    path: state,
    nodeId: nodeFile.node_id,
    source: chosen.path,
    migrationsDir: context.migrationsDir,
    registry: commandRegistry,
    clock: systemClock,
    logger,
  });
  const kept = commitRecovery({ dataDir: config.data_dir, state, nodeFile, atMs: systemClock() });
  return { ...rebuilt, kept };
}

function print(
  context: HostContext,
  options: RecoverOptions,
  { plan, done }: { plan: RecoverPlan; done: (Rebuilt & { kept: string }) | undefined },
): number {
  if (options.output === 'json') {
    const result = done ? { epoch: done.epoch, index: done.index, removed: done.removed, kept: done.kept } : null;
    process.stdout.write(`${JSON.stringify({ dry_run: !done, ...plan, result }, null, 2)}\n`);
    return 0;
  }
  const lines = done
    ? [
        `node ${plan.node_id} is a cluster of one at epoch ${done.epoch}, index ${done.index}`,
        `what was there is kept in ${done.kept}`,
        'start the node; then let new nodes join with fresh data directories. Keep the removed ones off until theirs are emptied',
      ]
    : [...planLines(plan), 'nothing was changed (--dry-run)'];
  process.stdout.write(`${lines.join('\n')}\n`);
  void context;
  return 0;
}
