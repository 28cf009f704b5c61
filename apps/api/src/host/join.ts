import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { preflightJoin } from '../cluster/join/client';
import { joinFromConfig, joinOptionsOf } from '../cluster/join/from-config';
import { JoinError } from '../cluster/join/join-error';
import { ensurePrivateDir, writeFileAtomic } from '../cluster/pki/atomic-file';
import type { Config } from '../config/derive';
import { updateConfigFile } from '../config/file';
import { systemClock } from '../lib/clock';
import { makeDirectory } from '../lib/directory';
import { lockDirectory } from '../lib/directory-lock';
import { silentLogger } from '../lib/logger';
import { serve } from '../serve';
import { type HostContext, load } from './config-options';
import { type DataDirState, giveTo, giveToGroup, inspectDataDir, moveStateAside, prepareDataDir } from './data-dir';
import { type FollowEnd, followJoin, REMOVED } from './follow';
import { codeOf, HostError, reasonOf } from './host-error';
import { type JoinCliOptions, type JoinPlan, planJoin } from './join-plan';
import { createJoinProgress, type JoinProgress } from './progress';
import { explainFailure } from './start-errors';
import { findUnit, restartUnit, startUnit, stopUnit, UNIT, type Unit, unitTrouble } from './systemd';

/** A learner that has not moved for so long will not by itself. */
const STALL_MS = 180_000;

/** `fresh`: be admitted. `resume`: admitted before, go on. `replace`: move the old state aside first. */
type Step = 'fresh' | 'resume' | 'replace';

interface Joining {
  readonly context: HostContext;
  readonly options: JoinCliOptions;
  readonly plan: JoinPlan;
  readonly step: Step;
  readonly progress: JoinProgress;
}

/** `quorated join`. @returns the exit code. @throws errors that `explainFailure` turns into a message */
export async function runJoin(
  context: HostContext,
  argument: string | undefined,
  options: JoinCliOptions,
): Promise<number> {
  const plan = await planJoin(context, argument, options);
  const color = context.stderrTty && !context.env['NO_COLOR'];
  const write = (text: string): void => void process.stderr.write(text);
  const progress = createJoinProgress({ write, tty: context.stderrTty, color });
  for (const warning of plan.warnings) progress.warn(warning);
  const step = decide(inspectForJoin(plan.config.data_dir, options), plan, options);
  const joining = { context, options, plan, step, progress };
  for (const note of plan.notes) progress.note(note);
  if (!options.restart) return prepareOnly(joining);
  const unit = options.foreground ? undefined : await findUnit(plan.configFile);
  return unit ? joinByUnit(joining, unit) : joinInForeground(joining);
}

/** A damaged node.json or identity counts as an old state: --force moves it aside. */
function inspectForJoin(dataDir: string, options: JoinCliOptions): DataDirState | 'damaged' {
  try {
    return inspectDataDir(dataDir);
  } catch (error) {
    if (options.force) return 'damaged';
    throw new HostError(`${reasonOf(error)}; or give --force to move what is there aside and join as a new node`);
  }
}

const FORCE =
  'with --force it is moved aside (state.db, node.json, pki and raft are renamed to NAME.before-join-TIME, nothing is deleted) and this host joins as a new node';

/** @throws HostError when the data directory holds a node that this join would replace */
function decide(state: DataDirState | 'damaged', { target, config }: JoinPlan, { force }: JoinCliOptions): Step {
  const { data_dir: dataDir } = config;
  if (state === 'damaged') return 'replace';
  if (state.kind === 'fresh') return 'fresh';
  if (state.kind === 'member' && state.caFingerprint === target.caFingerprint) return force ? 'replace' : 'resume';
  // Started once and never set up: there is nothing to lose, and it is moved aside all the same.
  if (force || (state.kind === 'single' && !state.isSetUp)) return 'replace';
  if (state.kind === 'single') {
    throw new HostError(
      `the node in ${dataDir} runs a cluster of its own, with its own users and settings, which a join would replace; ` +
        `use another --data-dir, or give up its data: ${FORCE}`,
    );
  }
  const { node_id: id } = state.nodeFile;
  throw new HostError(
    `${dataDir} belongs to node ${id} of another cluster; use another --data-dir, or, when that cluster has removed node ${id}: ${FORCE}`,
  );
}

/** Asks the cluster what stands against the join, before anything is changed here. @throws JoinError, HostError */
async function preflight({ context, plan, step, progress }: Joining): Promise<void> {
  // What is about to be moved aside must neither be touched nor lend its key.
  const scratch = step === 'replace' ? mkdtempSync(join(tmpdir(), 'quorated-join-')) : undefined;
  try {
    const onStage = (stage: 'reached' | 'pinned' | 'admitted' | 'certificate_issued'): void =>
      progress.reach(stage, stage === 'reached' ? plan.target.address : '');
    const { config } = plan;
    const options = { config, version: context.version, clock: systemClock, onStage };
    const asked = { ...joinOptionsOf(options, plan.target.token), ...(scratch ? { dataDir: scratch } : {}) };
    const { allowed, findings } = await preflightJoin(asked);
    if (allowed) return;
    const against = findings.filter(({ ok }) => !ok).map(({ detail }) => detail);
    throw new HostError(`the cluster would refuse this node: ${against.join('; ')}. No use of the token was taken`);
  } finally {
    if (scratch) rmSync(scratch, { recursive: true, force: true });
  }
}

/** Writes the token and the configuration; moves an old state aside before. The directory is locked meanwhile. */
function writeFiles({ plan, step, progress }: Joining, unit?: Unit): void {
  const { config, configFile, tokenFile } = plan;
  prepareDataDir(config.data_dir);
  ensurePrivateDir(config.data_dir);
  if (step === 'replace') {
    for (const [from, to] of moveStateAside(config.data_dir, systemClock())) progress.note(`moved ${from} to ${to}`);
  }
  if (step !== 'resume') {
    makeDirectory(dirname(tokenFile));
    writeFileAtomic(tokenFile, `${plan.target.token}\n`);
  }
  const isNew = !existsSync(configFile);
  try {
    updateConfigFile(configFile, plan.changes);
  } catch (error) {
    if (!/^E(ACCES|PERM|ROFS)$/.test(codeOf(error))) throw error;
    throw new HostError(
      `${configFile} cannot be written (${codeOf(error)}); run this as root, or name a file: --config FILE`,
    );
  }
  if (unit?.owner && isNew) giveToGroup(configFile, unit.owner);
  progress.note(`the configuration is in ${configFile}`);
}

/** --no-restart: everything is put in place, and whoever starts quorated makes it join. */
function prepareOnly(joining: Joining): number {
  const { plan, progress } = joining;
  const unlock = lockDirectory(plan.config.data_dir);
  try {
    writeFiles(joining);
  } finally {
    unlock();
  }
  progress.done(`ready to join: start it with "quorated serve --config ${plan.configFile}"`);
  return 0;
}

const resumed = (progress: JoinProgress, config: Config): void => {
  const state = inspectDataDir(config.data_dir);
  if (state.kind !== 'member') return;
  progress.reach('certificate_issued', `before, as node ${state.nodeFile.node_id}: it goes on by the same key`);
};

/** What a further attempt does, which depends on whether the CA and the certificate have been stored. */
function nextAttempt(dataDir: string): string {
  let stored = false;
  try {
    stored = inspectDataDir(dataDir).kind === 'member';
  } catch {
    // Damaged: doctor says more than this line could.
    return 'run "quorated doctor" to see what is left of it';
  }
  return stored
    ? 'the certificate is stored: run the same join again, or start quorated, and it resumes by the same key without a further use of the token'
    : 'nothing of the cluster was stored: run the join again';
}

const failed = ({ progress, plan }: Joining, why: string): number => {
  const stage = progress.stage?.replaceAll('_', ' ') ?? 'start';
  progress.fail(`the join stopped at the stage "${stage}": ${why}`);
  // The cure is in the reason: to run the same join again would come to the same end.
  if (why !== REMOVED) progress.note(nextAttempt(plan.config.data_dir));
  return 1;
};

const causeOf = (error: unknown, config: Config): string =>
  error instanceof JoinError ? `${error.message}; ${error.cure}` : explainFailure(error, config);

async function joinInForeground(joining: Joining): Promise<number> {
  const { context, options, plan, step, progress } = joining;
  const dataDir = plan.config.data_dir;
  const unlock = lockDirectory(dataDir);
  try {
    if (step === 'resume') resumed(progress, plan.config);
    else await preflight(joining);
    writeFiles(joining);
  } catch (error) {
    return failed(joining, causeOf(error, plan.config));
  } finally {
    unlock();
  }
  const ended = new AbortController();
  let isVoter = false;
  let stopped = 'it was ended before it was a voter';
  const code = await serve({
    ...context,
    loaded: load(context, { ...options, config: plan.configFile }),
    tty: context.stderrTty,
    watch: {
      onJoinStage: (stage) => progress.reach(stage, stage === 'reached' ? plan.target.address : ''),
      onStarted(node, loud) {
        const watched = { dataDir, progress, signal: ended.signal, trouble: async () => undefined };
        void followJoin({ ...watched, stallMs: Number.POSITIVE_INFINITY }).then((end) => {
          isVoter = end.kind === 'voter';
          if (end.kind === 'stopped') {
            stopped = end.why;
            process.kill(process.pid, 'SIGTERM');
          }
          if (!isVoter) return;
          progress.done(`node ${node.nodeId} is a voter; it goes on running here, at ${node.url} (Ctrl-C stops it)`);
          loud();
        });
      },
      onFailed: (error) => void failed(joining, causeOf(error, plan.config)),
    },
  });
  ended.abort();
  if (code === 0 && !isVoter) return failed(joining, stopped);
  return code;
}

async function joinByUnit(joining: Joining, unit: Unit): Promise<number> {
  const { plan, progress, step } = joining;
  const { config } = plan;
  if (unit.active && step !== 'resume') await stopUnit();
  try {
    if (step === 'resume') resumed(progress, config);
    else await preflight(joining);
  } catch (error) {
    if (unit.owner && existsSync(config.data_dir)) giveTo(config.data_dir, unit.owner);
    if (unit.active) await startUnit();
    return failed(joining, causeOf(error, config));
  }
  try {
    if (step === 'resume') writeFiles(joining, unit);
    else await admitForUnit(joining, unit);
    await restartUnit();
  } catch (error) {
    return failed(joining, causeOf(error, config));
  }
  progress.note(`the systemd unit ${UNIT} was restarted`);
  const signal = new AbortController().signal;
  const watched = { dataDir: config.data_dir, progress, signal, trouble: unitTrouble, stallMs: STALL_MS };
  return concluded(joining, await followJoin(watched));
}

/** The admission happens here, where its errors can be shown; the daemon goes on from there. */
async function admitForUnit(joining: Joining, unit: Unit): Promise<void> {
  const { context, options, plan, progress } = joining;
  const { data_dir: dataDir } = plan.config;
  const unlock = lockDirectory(dataDir);
  try {
    writeFiles(joining, unit);
    const { config } = load(context, { ...options, config: plan.configFile });
    const join = { config, version: context.version, clock: systemClock, logger: silentLogger() };
    await joinFromConfig({ ...join, onStage: (stage) => progress.reach(stage) });
  } finally {
    unlock();
    if (unit.owner) giveTo(dataDir, unit.owner);
  }
}

function concluded(joining: Joining, end: FollowEnd): number {
  if (end.kind === 'voter') {
    joining.progress.done(`node ${end.nodeId} is a voter; the systemd unit ${UNIT} runs it`);
    return 0;
  }
  const why = end.kind === 'stopped' ? end.why : 'it was cancelled';
  return failed(joining, `${why}; run "quorated doctor" on this host`);
}
