import type { Service } from '@quorate/shared/services';
import { cn } from '@/lib/cn';
import { isFailing, isStranded } from './service-words';

const MAX_DRAWN = 20;

/** Replicas as segments by how they fare. The picture repeats the text beside it and is hidden from screen readers. */
export function ReplicaMeter({ service: { replicas, instances } }: { service: Service }) {
  const total = Math.max(replicas.desired, 1);
  const scale = Math.min(total, MAX_DRAWN) / total;
  const failing = instances.filter(isFailing).length;
  const stranded = instances.filter(isStranded).length;
  const upTo = (count: number) => Math.ceil(count * scale);
  const ends: readonly [end: number, colour: string][] = [
    [Math.floor(replicas.healthy * scale), 'bg-ok'],
    [upTo(replicas.healthy + failing), 'bg-bad'],
    [upTo(replicas.healthy + failing + stranded), 'bg-warn'],
    [upTo(replicas.placed), 'bg-info/50'],
  ];
  return (
    <div aria-hidden className="flex h-2 max-w-40 gap-px">
      {Array.from({ length: Math.round(total * scale) }, (_, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: segments are anonymous and never reordered
          key={index}
          className={cn(
            'min-w-1 flex-1 first:rounded-l-sm last:rounded-r-sm',
            ends.find(([end]) => index < end)?.[1] ?? 'bg-line-strong/60',
          )}
        />
      ))}
    </div>
  );
}

export const replicaWords = ({ desired, healthy }: Service['replicas']): string =>
  desired === 0 ? (healthy === 0 ? 'none wanted' : `${healthy} still there`) : `${healthy} of ${desired} healthy`;
