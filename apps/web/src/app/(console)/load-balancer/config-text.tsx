import { cn } from '@/lib/cn';
import { type TokenKind, tokenizeLine } from './highlight';

const COLOURS: Record<TokenKind, string> = {
  comment: 'text-ink-3 italic',
  section: 'font-semibold text-accent',
  directive: 'text-info',
  string: 'text-ok',
  number: 'text-warn',
  expression: 'text-ok',
  text: '',
};

/** An HAProxy configuration with line numbers; selecting it selects the text only. */
export function ConfigText({ text, label, className }: { text: string; label: string; className?: string }) {
  const lines = text.replace(/\n$/, '').split('\n');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section aria-label={label} tabIndex={0} className={cn('overflow-auto bg-sunken -outline-offset-2', className)}>
      <pre className="w-max min-w-full py-2 font-mono text-ink text-xs leading-5">
        <code>
          {lines.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <span key={index} className="flex pr-4">
              <span aria-hidden className="w-11 shrink-0 select-none pr-3 text-right text-ink-3">
                {index + 1}
              </span>
              <span>
                {tokenizeLine(line).map((token, position) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: tokens of a fixed line keep their places
                  <span key={position} className={COLOURS[token.kind]}>
                    {token.text}
                  </span>
                ))}
                {'\n'}
              </span>
            </span>
          ))}
        </code>
      </pre>
    </section>
  );
}
