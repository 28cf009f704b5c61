import { type Backup, LOCAL_TARGET } from '@quorate/shared/backups';

/** Where the file of a backup is, in words. */
export const whereOf = (backup: Backup): string =>
  backup.target === LOCAL_TARGET ? `disk of node ${backup.node_id}` : backup.target_name;
