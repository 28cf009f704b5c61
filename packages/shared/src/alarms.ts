import { z } from 'zod';
import { nodeId } from './names';
import { timestamp } from './pagination';
import { defineRoute } from './route';

/** Every alarm. What each means and what to do is in docs/journal.md. */
export const ALARM_CODES = [
  'etcd_no_space',
  'etcd_corrupt',
  'etcd_space_low',
  'disk_low',
  'certificate_expiring',
  'ca_expiring',
  'clock_offset',
  'member_down',
  'quorum_at_risk',
  'quorum_lost',
  'backup_overdue',
  'snapshot_failing',
  'state_diverged',
  'journal_unfit',
  'upgrade_required',
  'upstream_unconnected',
] as const;
export type AlarmCode = (typeof ALARM_CODES)[number];

/** Alarms that a guided command clears; every other one ends by itself when its cause is gone. */
export const CLEARABLE_ALARMS = ['etcd_no_space', 'etcd_corrupt'] as const satisfies readonly AlarmCode[];
export type ClearableAlarm = (typeof CLEARABLE_ALARMS)[number];
export const isClearable = (code: string): code is ClearableAlarm =>
  (CLEARABLE_ALARMS as readonly string[]).includes(code);

export const alarmSchema = z
  .object({
    code: z.enum(ALARM_CODES),
    severity: z.enum(['critical', 'warning']).describe('`critical`: service is lost, or one step from it.'),
    node_id: nodeId.nullable().describe('The node that it is about; null = the cluster as a whole.'),
    subject: z.string().describe('What of it, where one node can have several: a member, a certificate.'),
    message: z.string().describe('What is wrong, in one sentence.'),
    cure: z.string().describe('What to do about it.'),
    since: timestamp,
    clearable: z.boolean().describe('Whether POST /v1/alarms/{code}/clear takes the steps that end it.'),
  })
  .meta({ id: 'Alarm' });
export type Alarm = z.infer<typeof alarmSchema>;

export const alarmStepSchema = z.object({
  name: z.enum(['snapshot', 'compare', 'compact', 'defragment', 'disarm', 'check']),
  /** Empty for steps of the whole cluster. */
  member: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  detail: z.string().describe('Before: what it will do. After: what it did, or why it failed.'),
});
export type AlarmStep = z.infer<typeof alarmStepSchema>;

export const alarmClearingSchema = z
  .object({
    id: z.uuid().nullable().describe('Null for a preview.'),
    code: z.enum(CLEARABLE_ALARMS),
    state: z.enum(['planned', 'running', 'succeeded', 'failed']),
    steps: z.array(alarmStepSchema),
    requested_by: z.string(),
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
  })
  .meta({ id: 'AlarmClearing' });
export type AlarmClearing = z.infer<typeof alarmClearingSchema>;

const codeParam = z.object({ code: z.string().min(1).max(64) });

export const alarmRoutes = {
  list: defineRoute({
    id: 'alarms.list',
    method: 'get',
    path: '/v1/alarms',
    access: 'viewer',
    tag: 'Watching',
    summary: 'The alarms in force on every member that answers, the gravest first',
    response: z.object({ items: z.array(alarmSchema), next_cursor: z.string().nullable() }),
  }),
  clearing: defineRoute({
    id: 'alarms.clearing',
    method: 'get',
    path: '/v1/alarms/{code}/clear',
    access: 'viewer',
    tag: 'Watching',
    summary: 'The steps that would clear an alarm, and how far the one that was asked for has come with them',
    params: codeParam,
    response: z.object({ plan: alarmClearingSchema, operation: alarmClearingSchema.nullable() }),
    errors: ['not_found', 'conflict', 'single_mode', 'external_etcd'],
  }),
  clear: defineRoute({
    id: 'alarms.clear',
    method: 'post',
    path: '/v1/alarms/{code}/clear',
    access: 'admin',
    tag: 'Watching',
    summary: 'Clear an alarm of etcd step by step. Follow it at GET of the same path',
    params: codeParam,
    response: alarmClearingSchema,
    status: 202,
    errors: ['not_found', 'conflict', 'single_mode', 'no_quorum', 'external_etcd'],
  }),
};
