import type { FollowUp } from '../../replication/proposer';
import { assignWaiting, cancelJob, loseJob, reportJobs, retryDeadLetters, retryJob, submitJobs } from './commands';
import { runDueSchedule, runScheduleNow } from './schedules/commands';

/** These bring jobs that wait, or make room for them. */
const CHANGES = [
  submitJobs,
  reportJobs,
  loseJob,
  cancelJob,
  retryJob,
  retryDeadLetters,
  runScheduleNow,
  runDueSchedule,
];
const TYPES: ReadonlySet<string> = new Set(CHANGES.map(({ type }) => type));
const ASSIGN: FollowUp = { command: assignWaiting, input: { limit: 256 } };

/** Jobs are given to runners in the entry that brings them: a round through the log less before they start. */
export const assignAfter = (types: ReadonlySet<string>): FollowUp | undefined =>
  [...types].some((type) => TYPES.has(type)) ? ASSIGN : undefined;
