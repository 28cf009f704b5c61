import { HA_DEFAULTS } from '@quorate/shared/ha';
import { remembered } from '../../db/remembered';
import { haSettings } from './table';

/** What was set, or the defaults. */
export interface HaState {
  readonly enabled: boolean;
  readonly systemReplicas: number;
  readonly failoverSeconds: number;
  /** 0 while nothing was ever set. */
  readonly revision: number;
  readonly updatedAt: number | null;
}

export const haState = remembered((db): HaState => {
  const saved = db.select().from(haSettings).get();
  if (saved) return saved;
  const { enabled, system_replicas: systemReplicas, failover_seconds: failoverSeconds } = HA_DEFAULTS;
  return { enabled, systemReplicas, failoverSeconds, revision: 0, updatedAt: null };
});
