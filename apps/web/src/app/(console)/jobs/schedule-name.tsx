'use client';

import { useQuery } from '@tanstack/react-query';
import { jobScheduleQuery } from '@/lib/queries';

/** The name of a schedule; its jobs outlive it. */
export function ScheduleName({ id }: { id: string }) {
  const { data } = useQuery({ ...jobScheduleQuery(id), retry: false });
  return <>{data ? `the schedule ${data.settings.name}` : 'a schedule'}</>;
}
