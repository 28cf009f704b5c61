import { LOCAL_TARGET } from '@quorate/shared/backups';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { Option } from '@/components/ui/select';
import { backupTargetsQuery } from '@/lib/queries';

/**
 * Every target as an option of a select, the local disk first. `chosen` is one of them before the list has come, too: a
 * select falls back to its first option without it, and the form would save that.
 */
export function useTargetOptions(chosen: string = LOCAL_TARGET): Option[] {
  const targets = useInfiniteQuery(backupTargetsQuery);
  const items = targets.data?.pages.flatMap((page) => page.items) ?? [];
  const options = [
    { value: LOCAL_TARGET, label: 'Local disk of the node' },
    ...items.map(({ id, name, bucket }) => ({ value: id, label: `${name} (${bucket})` })),
  ];
  return options.some(({ value }) => value === chosen)
    ? options
    : [...options, { value: chosen, label: 'S3-compatible target' }];
}
