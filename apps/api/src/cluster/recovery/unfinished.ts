import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Stands in the data directory while a recovery changes it. */
export const unfinishedPath = (dataDir: string): string => join(dataDir, 'recover.unfinished');

/** Whether a recovery was cut short: its state may be in place, with the journal of the cluster that it left. */
export const isRecoveryUnfinished = (dataDir: string): boolean => existsSync(unfinishedPath(dataDir));
