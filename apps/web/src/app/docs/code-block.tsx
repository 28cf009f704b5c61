import { CopyButton } from '@/components/copy-button';
import { cn } from '@/lib/cn';

interface CodeBlockProps {
  text: string;
  title: string;
  /** What the copy button copies. */
  what: string;
  className?: string;
}

/** Text to copy; long lines wrap, so that nothing scrolls sideways. */
export function CodeBlock({ text, title, what, className }: CodeBlockProps) {
  return (
    <div className={cn('overflow-hidden rounded-md border bg-sunken', className)}>
      <div className="flex h-8 items-center justify-between border-b pr-0.5 pl-2.5">
        <span className="text-ink-3 text-xs">{title}</span>
        <CopyButton text={text} what={what} />
      </div>
      <pre className="whitespace-pre-wrap break-words p-2.5 font-mono text-ink text-xs leading-5">{text}</pre>
    </div>
  );
}
