import { createTwoFilesPatch } from 'diff';

/**
 * Unified diff of two configurations with three lines of context; empty when they are equal.
 * Bounded: texts too different to compare in 2 s are shown as all removed and all added.
 */
export function unifiedDiff(before: string, after: string, beforeName: string, afterName: string): string {
  if (before === after) return '';
  const patch = createTwoFilesPatch(beforeName, afterName, before, after, undefined, undefined, {
    context: 3,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
    timeout: 2000,
  });
  return patch ?? wholeDiff(before, after, beforeName, afterName);
}

function wholeDiff(before: string, after: string, beforeName: string, afterName: string): string {
  const mark = (text: string, sign: string) => text.split('\n').map((line) => `${sign}${line}`);
  return [`--- ${beforeName}`, `+++ ${afterName}`, ...mark(before, '-'), ...mark(after, '+'), ''].join('\n');
}
