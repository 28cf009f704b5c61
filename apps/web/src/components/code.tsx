import { cn } from '@/lib/cn';
import { CopyButton } from './copy-button';

interface CommandProps {
  text: string;
  /** What it is, for the copy button and screen readers. */
  what: string;
  className?: string;
}

/** One command or string to copy; long ones wrap anywhere. */
export function Command({ text, what, className }: CommandProps) {
  return (
    <div className={cn('flex items-start gap-1 rounded-md border bg-sunken py-1 pr-1 pl-2.5', className)}>
      <code className="min-w-0 flex-1 self-center break-all py-0.5 text-left font-mono text-ink text-xs leading-5">
        {text}
      </code>
      <CopyButton text={text} what={what} />
    </div>
  );
}
