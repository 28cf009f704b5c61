import { LOCAL_TARGET } from '@quorate/shared/backups';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { Option } from '@/components/ui/select';
import { backupTargetsQuery } from '@/lib/queries';

/** Every target as an option of a select, the local disk first. */
export function useTargetOptions(): Option[] {
  const targets = useInfiniteQuery(backupTargetsQuery);
  const items = targets.data?.pages.flatMap((page) => page.items) ?? [];
  return [
    { value: LOCAL_TARGET, label: 'Local disk of the node' },
    ...items.map(({ id, name, bucket }) => ({ value: id, label: `${name} (${bucket})` })),
  ];
}
