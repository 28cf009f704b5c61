import type { Labels } from '@quorate/shared/runners';

/** Labels as chips; what there is to say when there are none is the caller's. */
export function LabelChips({ labels, none = '–' }: { labels: Labels; none?: string }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return <span className="text-ink-3">{none}</span>;
  return (
    <ul className="flex flex-wrap gap-1">
      {entries.map(([key, value]) => (
        <li key={key} className="break-all rounded border bg-sunken px-1.5 font-mono text-2xs text-ink-2 leading-4.5">
          {key}={value}
        </li>
      ))}
    </ul>
  );
}
