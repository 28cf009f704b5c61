import { cn } from '@/lib/cn';

const LOOKS: readonly [RegExp, string][] = [
  [/^(\+\+\+|---)/, 'text-ink-3'],
  [/^@@/, 'bg-info-soft text-info'],
  [/^\+/, 'bg-ok-soft text-ok'],
  [/^-/, 'bg-bad-soft text-bad'],
];

/** A unified diff; the marks in the text say the same as the colours. */
export function DiffText({ diff, label }: { diff: string; label: string }) {
  const lines = diff.replace(/\n$/, '').split('\n');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section aria-label={label} tabIndex={0} className="max-h-[60vh] overflow-auto bg-sunken -outline-offset-2">
      <pre className="w-max min-w-full py-2 font-mono text-ink-2 text-xs leading-5">
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
          <span key={index} className={cn('block px-3.5', LOOKS.find(([pattern]) => pattern.test(line))?.[1])}>
            {line}
            {'\n'}
          </span>
        ))}
      </pre>
    </section>
  );
}
