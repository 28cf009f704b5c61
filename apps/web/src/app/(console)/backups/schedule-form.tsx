'use client';

import { type BackupSchedule, backupRoutes } from '@quorate/shared/backups';
import { Controller } from 'react-hook-form';
import { toast } from 'sonner';
import { SelectField, TextField } from '@/components/form-fields';
import { SaveProblem } from '@/components/save-problem';
import { Time } from '@/components/time';
import { Facts } from '@/components/ui/panel';
import { Switch } from '@/components/ui/switch';
import { WriteButton } from '@/components/write-button';
import { useBodyForm } from '@/lib/body-form';
import { formatInt } from '@/lib/format';
import { backupScheduleQuery } from '@/lib/queries';
import { useSettingsVersion, type Versioned } from '@/lib/settings-version';
import { useWrite } from '@/lib/use-write';
import { useTargetOptions } from './use-target-options';

interface Values {
  enabled: boolean;
  cron: string;
  time_zone: string;
  target: string;
  keep_count: string;
  keep_days: string;
}

const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

const valuesOf = (schedule: BackupSchedule): Values => ({
  enabled: schedule.enabled,
  cron: schedule.cron,
  time_zone: schedule.time_zone,
  target: schedule.target,
  keep_count: String(schedule.keep_count),
  keep_days: String(schedule.keep_days),
});

export function ScheduleForm({ current }: { current: Versioned<BackupSchedule> }) {
  const { settings: schedule } = current;
  const targets = useTargetOptions(schedule.target);
  const save = useWrite(backupRoutes.setSchedule, {
    refresh: ['backups'],
    onSuccess: (data) => {
      version.loadCurrent();
      toast.success(data.enabled ? 'The schedule is set' : 'The schedule is off');
    },
  });
  const form = useBodyForm({
    schema: backupRoutes.setSchedule.body,
    defaults: valuesOf(schedule),
    toBody: (values: Values) => ({
      ...values,
      keep_count: numberOf(values.keep_count),
      keep_days: numberOf(values.keep_days),
    }),
    error: save.error,
  });
  const version = useSettingsVersion({ form, save, query: backupScheduleQuery, current, valuesOf });
  return (
    <form className="space-y-4" onSubmit={form.handleSubmit((body) => save.run({ body, ...version.headers() }))}>
      <Controller
        control={form.control}
        name="enabled"
        render={({ field }) => (
          <Switch
            checked={field.value}
            onCheckedChange={field.onChange}
            label="Back up on a schedule"
            hint="The leader starts each one, once, whichever node that is."
          />
        )}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          form={form}
          name="cron"
          label="When"
          hint="Cron: minute hour day month weekday."
          className="font-mono"
        />
        <TextField form={form} name="time_zone" label="Time zone" hint="Such as UTC or Europe/Vienna." />
      </div>
      <SelectField form={form} name="target" label="Target" options={targets} />
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField form={form} name="keep_count" label="Keep the last" hint="Scheduled backups; 0 keeps all." numeric />
        <TextField form={form} name="keep_days" label="Keep for days" hint="0 keeps them for ever." numeric />
      </div>
      <p className="text-ink-3 text-xs">The last good backup is never deleted, and no manual one.</p>
      <Facts
        items={[
          { label: 'Next run', value: <Time at={schedule.next_run_at} show="both" /> },
          { label: 'Last run', value: <Time at={schedule.last_due_at} show="both" /> },
          { label: 'Missed runs', value: formatInt(schedule.missed_runs) },
        ]}
      />
      <SaveProblem
        error={save.error}
        fields={['cron', 'time_zone', 'target', 'keep_count', 'keep_days']}
        onLoad={version.loadCurrent}
      />
      <WriteButton needs="admin" variant="primary" type="submit" pending={save.pending}>
        Save schedule
      </WriteButton>
    </form>
  );
}
