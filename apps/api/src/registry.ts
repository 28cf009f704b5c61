import { backupCommands } from './cluster/backups/commands';
import { backupSettingsCommands } from './cluster/backups/settings/commands';
import { digestCommands } from './cluster/digests/commands';
import { joinTokenCommands } from './cluster/join-tokens/commands';
import { keyCommands } from './cluster/keys/commands';
import { leadershipCommands } from './cluster/leadership/commands';
import { memberCommands } from './cluster/members/commands';
import { demoteMember } from './cluster/members/demotion';
import { recoveryCommands } from './cluster/recovery/commands';
import { restoreCommands } from './cluster/restore/commands';
import { admitRunner } from './cluster/runners/commands';
import { createRegistry } from './commands/define-command';
import { connectorCommands } from './connector/commands';
import { haCommands } from './ha-nodes';
import { balancerCommands } from './haproxy/balancers/commands';
import { haproxyCommands } from './haproxy-source';
import { requestCommands } from './http/once';
import { apiTokenCommands } from './resources/api-tokens/commands';
import { retentionCommands } from './resources/retention/commands';
import { runnerCommands } from './resources/runners/commands';
import { sessionCommands } from './resources/session/commands';
import { setupCommands } from './resources/setup/commands';
import { userCommands } from './resources/users/commands';
import { webhookCommands } from './resources/webhooks/commands';
import { jobCommands } from './work/jobs/commands';
import { jobScheduleCommands } from './work/jobs/schedules/commands';
import { serviceCommands } from './work/services/commands';
import { placementCommands } from './work/services/placement/commands';
import { rolloutCommands } from './work/services/rollout/commands';

/** Every command of this build: one line for each resource. */
export const commandRegistry = createRegistry([
  ...setupCommands,
  ...userCommands,
  ...sessionCommands,
  ...retentionCommands,
  ...apiTokenCommands,
  ...memberCommands,
  demoteMember,
  ...joinTokenCommands,
  ...leadershipCommands,
  ...keyCommands,
  ...digestCommands,
  ...restoreCommands,
  ...backupCommands,
  ...backupSettingsCommands,
  ...recoveryCommands,
  ...haproxyCommands.all,
  ...balancerCommands,
  ...webhookCommands,
  ...requestCommands,
  ...runnerCommands,
  admitRunner,
  ...jobCommands,
  ...connectorCommands,
  ...serviceCommands,
  ...placementCommands,
  ...jobScheduleCommands,
  ...rolloutCommands,
  ...haCommands.all,
]);
