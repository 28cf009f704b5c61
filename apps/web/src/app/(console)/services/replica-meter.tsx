import type { Service } from '@quorate/shared/services';
import { cn } from '@/lib/cn';

const MAX_DRAWN = 20;

/** Replicas as segments, healthy ones filled. The picture repeats the text beside it and is hidden from screen readers. */
export function ReplicaMeter({ replicas: { desired, placed, healthy } }: Pick<Service, 'replicas'>) {
  const total = Math.max(desired, 1);
  const scale = Math.min(total, MAX_DRAWN) / total;
  const segments = Math.round(total * scale);
  return (
    <div aria-hidden className="flex h-2 max-w-40 gap-px">
      {Array.from({ length: segments }, (_, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: segments are anonymous and never reordered
          key={index}
          className={cn(
            'min-w-1 flex-1 first:rounded-l-sm last:rounded-r-sm',
            index < Math.floor(healthy * scale)
              ? 'bg-ok'
              : index < Math.ceil(placed * scale)
                ? 'bg-info/50'
                : 'bg-line-strong/60',
          )}
        />
      ))}
    </div>
  );
}

export const replicaWords = ({ desired, healthy }: Service['replicas']): string =>
  desired === 0 ? (healthy === 0 ? 'none wanted' : `${healthy} still there`) : `${healthy} of ${desired} healthy`;
