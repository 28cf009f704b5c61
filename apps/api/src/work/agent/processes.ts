import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The variable by which a program and all that it starts are known to belong to one start of it. */
export const MARK = 'QUORATE_INSTANCE';

/** What a check of a replica bears, and all that it starts: they end with the replica, and never it with them. */
export const checkMark = (instance: string): string => `${instance}.check`;

/** A pid alone may be another program's by now. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: string;
}

/** What /proc/PID/stat says. */
export interface ProcessStat extends ProcessIdentity {
  /** False for a zombie: it is there, but nobody may ever collect it. */
  readonly alive: boolean;
  readonly group: number;
  readonly session: number;
  /** Of 1/100 s, on every Linux: its own, and those of children that have ended and were waited for. */
  readonly ticks: number;
  readonly rssPages: number;
}

/** Undefined for what is no such line. */
export function parseStat(text: string): ProcessStat | undefined {
  // The name in parentheses may hold anything; what is behind it begins with field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (field: number): number => Number(fields[field - 3] ?? Number.NaN);
  const ticks = at(14) + at(15) + at(16) + at(17);
  if (Number.isNaN(ticks)) return undefined;
  return {
    ...{ pid: Number.parseInt(text, 10), startTime: fields[19] ?? '', alive: !/^[ZXx]/.test(fields[0] ?? '') },
    ...{ group: at(5), session: at(6), ticks, rssPages: at(24) },
  };
}

/** Undefined when there is no such process, or no /proc. */
export const statOf = (pid: number | 'self'): ProcessStat | undefined => parseStat(readOrEmpty(`/proc/${pid}/stat`));

/** Every process that this one can see. */
export const allProcesses = (): ProcessStat[] =>
  readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(Number(name)) ?? []) : []));

/** To a process, or (negative) to a group. One that is gone, or may not be signalled, stays what it is. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

const bears = (pid: number, ...instances: readonly string[]): boolean => {
  const environment = readOrEmpty(`/proc/${pid}/environ`);
  return instances.some((instance) => environment.includes(`${MARK}=${instance}\0`));
};

/**
 * Living processes of one start of a program: those that bear its mark or that of its checks, and (a program may have
 * written over its environment) those of the session that it began; with `directory` only if they work below it.
 */
export function findLeft(instance: string, session: number | null, directory?: string): ProcessStat[] {
  return allProcesses().filter(({ pid, alive, session: own }) => {
    if (!alive) return false;
    const inSession = own === session && (directory === undefined || worksBelow(pid, directory));
    return inSession || bears(pid, instance, checkMark(instance));
  });
}

/** The one that leads its session is the one that was started. */
export const leaderOf = (instance: string): number | null =>
  allProcesses().find(({ pid, alive, session }) => alive && pid === session && bears(pid, instance))?.pid ?? null;

const MAX_ROUNDS = 10;

/** Kills what is left of one start of a program, at once. `leader`: as far as it is known. */
export function endLeft(instance: string, leader: ProcessIdentity | undefined): void {
  const isSame = leader !== undefined && statOf(leader.pid)?.startTime === leader.startTime;
  // Again, since one of them may have had a child meanwhile.
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const left = findLeft(instance, isSame ? leader.pid : null);
    if (left.length === 0) return;
    if (isSame) signalTo(-leader.pid, 'SIGKILL');
    for (const { pid } of left) signalTo(pid, 'SIGKILL');
  }
}

/** The directories that processes work in, as far as this one may see them. */
export const workedIn = (): Set<string> =>
  new Set(readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (directoryOf(Number(name)) ?? []) : [])));

function directoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

const worksBelow = (pid: number, directory: string): boolean => directoryOf(pid)?.startsWith(`${directory}/`) === true;

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
