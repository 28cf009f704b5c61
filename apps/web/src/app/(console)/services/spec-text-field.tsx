'use client';

import { useRef } from 'react';
import { Field } from '@/components/ui/field';
import { cn } from '@/lib/cn';
import { plural } from '@/lib/format';
import type { TextProblem } from './spec-text';

const LINE_PX = 20;
const LEAST_LINES = 12;

interface SpecTextFieldProps {
  text: string;
  onChange: (text: string) => void;
  problems: readonly TextProblem[];
}

/** A specification as text with numbered lines, and what is wrong in which of them. */
export function SpecTextField({ text, onChange, problems }: SpecTextFieldProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const lines = text.split('\n');
  const wrong = new Set(problems.map(({ line }) => line));
  const goTo = (line: number) => {
    const start = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.current?.focus();
    area.current?.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    scroller.current?.scrollTo({ top: (line - 4) * LINE_PX });
  };
  return (
    <div className="space-y-2">
      <Field
        label="Specification"
        hint="As JSON. YAML is understood, too: paste the file that the client takes."
        error={problems.length > 0 ? `${plural(problems.length, 'problem')}; nothing was changed` : undefined}
      >
        {(control) => (
          <div
            ref={scroller}
            className={cn(
              'flex max-h-[46vh] overflow-y-auto rounded-md border border-line-strong bg-surface font-mono text-xs leading-5',
              'focus-within:outline-2 focus-within:outline-accent',
              problems.length > 0 && 'border-bad',
            )}
          >
            <div
              aria-hidden
              className="min-w-9 select-none self-start border-r bg-sunken py-1.5 pr-2 pl-1 text-right text-ink-3"
            >
              {lines.map((_, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
                <div key={index} className={wrong.has(index + 1) ? 'font-semibold text-bad' : ''}>
                  {index + 1}
                </div>
              ))}
            </div>
            <textarea
              {...control}
              ref={area}
              rows={Math.max(lines.length, LEAST_LINES)}
              wrap="off"
              spellCheck={false}
              autoCapitalize="none"
              value={text}
              onChange={(event) => onChange(event.target.value)}
              className="min-w-0 flex-1 resize-none overflow-x-auto bg-transparent px-2.5 py-1.5 text-ink outline-none"
            />
          </div>
        )}
      </Field>
      {problems.length > 0 ? (
        <ul aria-label="Problems" className="space-y-1 text-xs">
          {problems.map(({ line, pointer, message }) => (
            <li key={`${pointer} ${message}`} className="flex flex-wrap gap-x-2">
              <button type="button" className="font-medium text-accent hover:underline" onClick={() => goTo(line)}>
                Line {line}
              </button>
              {pointer ? <code className="break-all font-mono text-ink-2">{pointer}</code> : null}
              <span className="text-ink">{message}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
