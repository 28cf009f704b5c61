import type { JobSchedule, jobScheduleRoutes } from '@quorate/shared/job-schedules';
import type { z } from 'zod';
import { SUBMIT_DEFAULTS, SUBMIT_FIELDS, type SubmitValues, submitBody, valuesOfJob } from './submit-body';

export interface ScheduleValues extends SubmitValues {
  name: string;
  enabled: boolean;
  cron: string;
  time_zone: string;
  overlap: z.output<typeof jobScheduleRoutes.create.body>['overlap'];
  missed: z.output<typeof jobScheduleRoutes.create.body>['missed'];
}

export const SCHEDULE_FIELDS: readonly string[] = [
  ...SUBMIT_FIELDS,
  'name',
  'enabled',
  'cron',
  'time_zone',
  'overlap',
  'missed',
];

export const SCHEDULE_DEFAULTS: ScheduleValues = {
  ...SUBMIT_DEFAULTS,
  name: '',
  enabled: true,
  cron: '0 3 * * *',
  time_zone: 'UTC',
  overlap: 'skip',
  missed: 'run_latest',
};

export const scheduleBody = (values: ScheduleValues): unknown => ({
  name: values.name.trim(),
  enabled: values.enabled,
  cron: values.cron.trim(),
  time_zone: values.time_zone.trim(),
  overlap: values.overlap,
  missed: values.missed,
  ...submitBody(values),
});

/** The form filled in with what a schedule is. */
export const valuesOfSchedule = (schedule: JobSchedule): ScheduleValues => ({
  ...valuesOfJob(schedule),
  name: schedule.name,
  enabled: schedule.enabled,
  cron: schedule.cron,
  time_zone: schedule.time_zone,
  overlap: schedule.overlap,
  missed: schedule.missed,
});
